/** The process behind a query: how it is started, how it is ended with everything it started, and its last words. */
import type { Readable } from 'node:stream';
import type { Options, SpawnedProcess } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { OutputTail } from '../../lib/output-tail.ts';
import { plainWords } from '../../lib/plain-words.ts';
import { endProcess } from '../../lib/process-identity.ts';
import { BooError } from '../../protocol/error.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { type AgentProcess, endSession, spawnAgent, tellOfProcess } from '../agent-process.ts';
import { withKeysApart } from '../claude/apart-keys.ts';
import { endedProcesses } from '../ended-processes.ts';
import { markSession, type SessionMark } from '../process-marks.ts';
import { signalSandboxed } from '../sandbox/program-pid.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Spool } from '../spool.ts';

export interface SdkProcessParts {
  spec: Pick<AgentSessionSpec, 'chatId' | 'sessionId' | 'onEvent'>;
  logger: Log;
  spool: Spool;
  sandbox?: Sandbox | undefined;
  /** How long it may take to leave after SIGTERM. */
  termMs: number;
}

export class SdkProcess {
  readonly #parts: SdkProcessParts;
  readonly #stderr = new OutputTail(4096);
  #running: { child: AgentProcess; mark: SessionMark } | undefined;
  /** The end of everything the process left behind. */
  #left: Promise<void> | undefined;

  constructor(parts: SdkProcessParts) {
    this.#parts = parts;
  }

  readonly spawn: NonNullable<Options['spawnClaudeCodeProcess']> = ({ command, args, cwd, env }) => {
    const { spec, logger, sandbox } = this.#parts;
    // The keys go past the sandbox: inside, no process has ever had them in its environment.
    const launch = withKeysApart({ ...(sandbox?.wrap(command, args) ?? { command, args }), env });
    const mark = markSession(spec.sessionId);
    const child = spawnAgent(launch.command, launch.args, { cwd, env: launch.env, mark });
    this.#running = { child, mark };
    child.once('exit', tellOfProcess(child.pid, spec.chatId, logger));
    child.stderr.on('data', (chunk: Buffer) => this.#stderr.add(chunk));
    // A write after its end: the read loop reports that end.
    child.stdin.on('error', () => undefined);
    return withOutput(child, this.#parts.spool.bound(child.stdout), (signal) => this.#signal(child, signal));
  };

  /** Ends its input: it writes the rest of its transcript and exits. */
  endInput(): void {
    this.#running?.child.stdin.end();
  }

  /** It has exited, or was never started. */
  get isGone(): boolean {
    const child = this.#running?.child;
    return !child || child.exitCode !== null || child.signalCode !== null;
  }

  /** Ends it at once: it writes nothing more. */
  kill(): void {
    this.#running?.child.kill('SIGKILL');
  }

  /** Resolves when nothing of it is left. */
  async end(): Promise<void> {
    if (!this.#running) return;
    const { child, mark } = this.#running;
    if (!this.isGone) {
      await endProcess(child, { graceMs: this.#parts.termMs, send: (signal) => this.#signal(child, signal) });
    }
    this.#left ??= this.#endLeft(mark);
    await this.#left;
  }

  #signal(child: AgentProcess, signal: NodeJS.Signals): boolean {
    if (!this.#parts.sandbox || child.pid === undefined || this.isGone) return child.kill(signal);
    signalSandboxed(child.pid, signal);
    return true;
  }

  async #endLeft(mark: SessionMark): Promise<void> {
    for (const notice of endedProcesses(await endSession(mark))) this.#parts.spec.onEvent(notice);
  }

  failure(what: string, cause: unknown): BooError {
    const said = plainWords(this.#stderr.text, this.#stderr);
    const reason = cause instanceof Error ? cause.message : '';
    return new BooError('agent_failed', [`${what}.`, said || reason].filter(Boolean).join(' '), { cause });
  }
}

/** The process as the SDK sees it. */
function withOutput(child: AgentProcess, stdout: Readable, kill: (signal: NodeJS.Signals) => boolean): SpawnedProcess {
  return {
    stdin: child.stdin,
    stdout,
    get killed() {
      return child.killed;
    },
    get exitCode() {
      return child.exitCode;
    },
    get signalCode() {
      return child.signalCode;
    },
    kill,
    on: (event, listener) => void child.on(event, listener),
    once: (event, listener) => void child.once(event, listener),
    off: (event, listener) => void child.off(event, listener),
  };
}
