/**
 * The program's own sign-in, without its screen: it makes the address of a page, a person signs in there and brings back
 * a code, and the program keeps the login where it keeps every one. The SDK has this in its code and not in its types.
 */
import { once } from 'node:events';
import { type Query, query } from '@anthropic-ai/claude-agent-sdk';
import type { Clock } from '../../lib/clock.ts';
import { plainWords } from '../../lib/plain-words.ts';
import { within } from '../../lib/within.ts';
import type { AgentSignIn, SignInAccount, SignInPage } from '../../protocol/agent-sign-in.ts';
import { BooError } from '../../protocol/error.ts';
import { type AgentProcess, spawnAgent } from '../agent-process.ts';

export interface ClaudeSignInOptions {
  /** As agents get it: the login is kept for them. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  clock: Clock;
  /** How long a person may take. */
  limitMs?: number;
  /** How long the program may take for an answer. */
  answerMs?: number;
}

type Authenticating = Query & {
  claudeAuthenticate(withClaudeAi: boolean): Promise<{ manualUrl?: unknown } | undefined>;
  claudeOAuthCallback(code: string, state: string): Promise<unknown>;
  claudeOAuthWaitForCompletion(): Promise<unknown>;
};

interface Flow {
  query: Authenticating;
  process: () => AgentProcess | undefined;
  state: string;
  stopTimer: () => void;
}

export class ClaudeSignIn implements AgentSignIn {
  readonly #options: Required<ClaudeSignInOptions>;
  #flow: Flow | undefined;
  /** One thing at a time. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: ClaudeSignInOptions) {
    this.#options = { limitMs: 10 * 60_000, answerMs: 30_000, ...options };
  }

  begin(account: SignInAccount): Promise<SignInPage> {
    return this.#next(async () => {
      await this.#end();
      const { clock, limitMs } = this.#options;
      const flow = this.#open();
      this.#flow = flow;
      try {
        const answer = await this.#answer(flow.query.claudeAuthenticate(account === 'claude_ai'));
        const url = answer?.manualUrl;
        const state = typeof url === 'string' && URL.canParse(url) ? new URL(url).searchParams.get('state') : null;
        if (typeof url !== 'string' || !url.startsWith('https://') || state === null) {
          throw new BooError('agent_failed', 'The claude program gave no page to sign in at.');
        }
        flow.state = state;
        flow.stopTimer = clock.after(limitMs, () => void this.cancel());
        return { url, expiresAt: new Date(clock.now().getTime() + limitMs).toISOString() };
      } catch (error) {
        await this.#end();
        throw failed(error);
      }
    });
  }

  finish(pasted: string): Promise<void> {
    return this.#next(async () => {
      const flow = this.#flow;
      if (!flow) throw new BooError('not_found', 'No sign-in waits for a code: begin one first.');
      // The page shows both with a # between them.
      const [code = '', state = flow.state] = pasted.trim().split('#');
      if (code === '' || state !== flow.state) {
        throw new BooError('invalid_request', 'code: is of another sign-in; paste the one of the newest link', {
          details: { field: 'code' },
        });
      }
      try {
        const { query: asked } = flow;
        const whole = Promise.all([asked.claudeOAuthWaitForCompletion(), asked.claudeOAuthCallback(code, state)]);
        await this.#answer(whole);
      } catch (error) {
        throw failed(error);
      } finally {
        // It serves once, whatever came of it.
        await this.#end();
      }
    });
  }

  cancel(): Promise<void> {
    return this.#next(() => this.#end());
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work);
    this.#line = done.catch(() => undefined);
    return done;
  }

  #open(): Flow {
    const { env, cwd } = this.#options;
    let child: AgentProcess | undefined;
    const started = query({
      // Nothing is ever said: the program only signs in.
      prompt: { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) },
      options: {
        cwd,
        env: { ...env },
        settingSources: [],
        permissionMode: 'dontAsk',
        spawnClaudeCodeProcess: ({ command, args, cwd: directory, env: own }) => {
          child = spawnAgent(command, args, { cwd: directory, env: own });
          child.stderr.resume();
          child.stdin.on('error', () => undefined);
          return child;
        },
      },
    });
    if (!('claudeAuthenticate' in started)) {
      throw new BooError('agent_failed', 'This version of the claude program has no sign-in of this kind.');
    }
    return { query: started as Authenticating, process: () => child, state: '', stopTimer: () => {} };
  }

  async #answer<T>(asked: Promise<T>): Promise<T> {
    if (await within(this.#options.answerMs, asked)) return asked;
    throw new BooError('agent_failed', 'The claude program does not answer.');
  }

  async #end(): Promise<void> {
    const flow = this.#flow;
    this.#flow = undefined;
    if (!flow) return;
    flow.stopTimer();
    flow.query.close();
    const child = flow.process();
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (!(await within(3_000, exited))) {
      child.kill('SIGKILL');
      await exited;
    }
  }
}

const outOfReach = /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/;

function failed(error: unknown): BooError {
  if (error instanceof BooError) return error;
  const words = plainWords(error instanceof Error ? error.message : String(error)).slice(0, 200);
  const why = outOfReach.test(words) ? `the server cannot reach Claude (${words})` : words;
  return new BooError('agent_login_required', `The sign-in failed: ${why}. Begin again for a new link.`, {
    cause: error,
  });
}
