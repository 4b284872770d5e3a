/**
 * Who owns an agent's process, and who ends it.
 *
 * While the host lives, it ends its agents in order, and then what is left of their sessions. If the host dies without a
 * word, the kernel sends its agents SIGTERM (Linux), on which an agent ends its tools too; what slips through is ended by
 * the host's watcher (`host-watcher.ts`), or by the next host to start, before it takes any chat.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import { endProcess, withDeathSignal } from '../lib/process-identity.ts';
import { openPseudoTerminal, type PseudoTerminal } from '../terminal/pseudo-terminal.ts';
import {
  forgetMark,
  type MarkedProcess,
  markedCommand,
  markedEnv,
  orphans,
  processesOf,
  type SessionMark,
} from './process-marks.ts';

export type AgentProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** The command so that the kernel ends it with this process, and that all of it is known (Linux). Never a shell. */
function ownedCommand(
  command: string,
  args: readonly string[],
  mark?: SessionMark,
): { command: string; args: string[] } {
  return markedCommand(withDeathSignal(command, args, 'TERM'), mark);
}

/** Starts an agent as a child that cannot outlive this process. An argument array, never a shell. */
export function spawnAgent(
  command: string,
  args: readonly string[],
  options: { cwd?: string | undefined; env: Record<string, string | undefined>; mark?: SessionMark },
): AgentProcess {
  const owned = ownedCommand(command, args, options.mark);
  return spawn(owned.command, owned.args, {
    cwd: options.cwd,
    env: markedEnv(options.env, options.mark),
    // A process group of its own: a terminal's Ctrl-C is for the host, which ends its agents in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
}

/** The same in a terminal of its own. After `loadPseudoTerminals`. */
export function openAgentTerminal(
  command: string,
  args: readonly string[],
  options: Parameters<typeof openPseudoTerminal>[2] & { mark?: SessionMark },
): PseudoTerminal {
  const owned = ownedCommand(command, args, options.mark);
  return openPseudoTerminal(owned.command, owned.args, { ...options, env: markedEnv(options.env, options.mark) });
}

/** Tells the log that one has started; what it returns tells how it ended. */
export function tellOfProcess(
  pid: number | undefined,
  chatId: string,
  log: Log,
): (code: number | null, signal: NodeJS.Signals | number | null) => void {
  log.info({ chatId, pid }, 'An agent process has started.');
  return (code, signal) => log.info({ chatId, pid, code, signal }, 'An agent process has ended.');
}

/** Ends what hosts that are dead left running; returns how many processes that were. */
export async function endOrphans(log: Log): Promise<number> {
  const left = await orphans();
  await Promise.all(
    left.map(async ({ name, ...identity }) => {
      log.warn({ pid: identity.pid, name }, 'Ending a process that an earlier host left behind.');
      // One that was started as another user is not ours to end.
      await endProcess(identity, { graceMs: 3_000 }).catch((error: unknown) =>
        log.error({ pid: identity.pid, name, err: error }, 'It could not be ended.'),
      );
    }),
  );
  return left.length;
}

/** A server of tools that has lost its agent leaves by itself. */
const leaveMs = 250;
/** What is ended may start something else in its last moment. */
const rounds = 5;

/** The names of programs, without their arguments. */
export interface LeftBehind {
  ended: string[];
  /** They run as another user, for instance. */
  alive: string[];
}

/**
 * Ends what an agent of this host left behind: an orderly end proves nothing of what it had started. What left by itself
 * is not told. The mark is not to be used again.
 */
export async function endSession(mark: SessionMark): Promise<LeftBehind> {
  const ended = new Set<string>();
  const alive = new Map<number, string>();
  const find = async (): Promise<MarkedProcess[]> => (await processesOf(mark)).filter(({ pid }) => !alive.has(pid));
  let left = await find();
  if (left.length > 0) {
    await delay(leaveMs);
    left = await find();
  }
  for (let round = 0; left.length > 0 && round < rounds; round += 1) {
    await Promise.all(
      left.map(({ name, ...identity }) =>
        endProcess(identity, { graceMs: 1_000 }).then(
          () => ended.add(name),
          () => alive.set(identity.pid, name),
        ),
      ),
    );
    left = await find();
  }
  if (alive.size === 0) forgetMark(mark);
  return { ended: [...ended].toSorted(), alive: [...new Set(alive.values())].toSorted() };
}
