/**
 * Who owns an agent's process, and who ends it.
 *
 * While the host lives, it ends its agents cleanly, and then whatever is left of their sessions. If the host dies
 * suddenly, the kernel sends its agents SIGTERM (Linux), and an agent ends its tools on SIGTERM. Anything that survives
 * is ended by the host's watcher (`host-watcher.ts`), or by the next host when it starts, before it claims any chat.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import { endBeforeSelf } from '../lib/oom-score.ts';
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

/**
 * Wraps the command so that the kernel ends it with this process and all its descendants can be found (Linux). Never a
 * shell.
 */
function ownedCommand(
  command: string,
  args: readonly string[],
  mark?: SessionMark,
): { command: string; args: string[] } {
  return markedCommand(withDeathSignal(command, args, 'TERM'), mark);
}

/** Starts an agent as a child that cannot outlive this process. Takes an argument array, never a shell. */
export function spawnAgent(
  command: string,
  args: readonly string[],
  options: { cwd?: string | undefined; env: Record<string, string | undefined>; mark?: SessionMark },
): AgentProcess {
  const owned = ownedCommand(command, args, options.mark);
  const child = spawn(owned.command, owned.args, {
    cwd: options.cwd,
    env: markedEnv(options.env, options.mark),
    // Its own process group: Ctrl-C in a terminal is meant for the host, which ends its agents cleanly.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
  endBeforeSelf(child.pid);
  return child;
}

/** The same, in a pseudo-terminal. Call `loadPseudoTerminals` first. */
export function openAgentTerminal(
  command: string,
  args: readonly string[],
  options: Parameters<typeof openPseudoTerminal>[2] & { mark?: SessionMark },
): PseudoTerminal {
  const owned = ownedCommand(command, args, options.mark);
  const env = markedEnv(options.env, options.mark);
  const terminal = openPseudoTerminal(owned.command, owned.args, { ...options, env });
  endBeforeSelf(terminal.pid);
  return terminal;
}

/** Logs the start of a process, and returns the function that logs its end. */
export function tellOfProcess(
  pid: number | undefined,
  chatId: string,
  log: Log,
): (code: number | null, signal: NodeJS.Signals | number | null) => void {
  log.info({ chatId, pid }, 'An agent process has started.');
  return (code, signal) => log.info({ chatId, pid, code, signal }, 'An agent process has ended.');
}

/** Ends processes that dead hosts left running, and returns their number. */
export async function endOrphans(log: Log): Promise<number> {
  const left = await orphans();
  await Promise.all(
    left.map(async ({ name, ...identity }) => {
      log.warn({ pid: identity.pid, name }, 'Ending a process that an earlier host left behind.');
      // Fails for a process of another user.
      await endProcess(identity, { graceMs: 3_000 }).catch((error: unknown) =>
        log.error({ pid: identity.pid, name, err: error }, 'The process could not be ended.'),
      );
    }),
  );
  return left.length;
}

/** A tool server that has lost its agent exits by itself. */
const leaveMs = 250;
/** A process may start others while it is being ended. */
const rounds = 5;

/** Names of programs, without their arguments. */
export interface LeftBehind {
  ended: string[];
  /** For example because they run as another user. */
  alive: string[];
}

/**
 * Ends what an agent of this host left behind: even an agent that exits cleanly may leave processes. Those that exit by
 * themselves are not reported. The mark must not be used again.
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
