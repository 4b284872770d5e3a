/**
 * The program's own sign-in, without its screen: it creates the URL of a page where a person signs in and gets a code,
 * and the program stores the login in its usual place. The SDK implements this, but its types do not include it.
 */
import { once } from 'node:events';
import type { Query } from '@anthropic-ai/claude-agent-sdk';
import type { Clock } from '../../lib/clock.ts';
import { plainWords } from '../../lib/plain-words.ts';
import { within } from '../../lib/within.ts';
import type { AgentSignIn, SignInAccount, SignInPage } from '../../protocol/agent-sign-in.ts';
import { BooError } from '../../protocol/error.ts';
import { type AgentProcess, spawnAgent } from '../agent-process.ts';
import { loadSdk } from '../claude/sdk.ts';

export interface ClaudeSignInOptions {
  /** The same as agents get: the login is stored for them. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  clock: Clock;
  /** How long a person may take. */
  limitMs?: number;
  /** How long the program may take to respond. */
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
  /** One operation at a time. */
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
          throw new BooError('agent_failed', 'The claude program returned no sign-in page.');
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
      if (!flow) throw new BooError('not_found', 'No sign-in is waiting for a code: start one first.');
      // The page shows both, separated by a #.
      const [code = '', state = flow.state] = pasted.trim().split('#');
      if (code === '' || state !== flow.state) {
        throw new BooError('invalid_request', 'code: belongs to another sign-in; paste the one from the newest link', {
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
        // It works once, whatever the outcome.
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
    const started = loadSdk().query({
      // Sends no prompt: the program only signs in.
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
      throw new BooError('agent_failed', 'This version of the claude program does not support this sign-in.');
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
  return new BooError('agent_login_required', `The sign-in failed: ${why}. Start again for a new link.`, {
    cause: error,
  });
}
