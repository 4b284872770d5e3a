import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Whether a program has started another one that reads from its terminal, such as an editor, which then receives the
 * keys. Linux only.
 */
export function lendsTerminal(pid: number): boolean {
  try {
    const terminal = readlinkSync(`/proc/${pid}/fd/0`);
    return childrenOf(pid).some((child) => inputOf(child) === terminal);
  } catch {
    return false;
  }
}

function childrenOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
}

/** Undefined if the process has just ended. */
function inputOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return undefined;
  }
}
