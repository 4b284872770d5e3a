import type { BackupProgress } from '../backups.ts';
import { BooError } from '../client/client.ts';
import { grouped } from '../protocol/count-text.ts';
import type { Cli } from './cli.ts';

const everyMs = 500;

interface Work {
  signal: AbortSignal;
  onProgress: (progress: BackupProgress) => void;
}

/**
 * Runs a backup or a restore: on a screen its progress is one line, rewritten in place, and Ctrl-C ends the work in order.
 */
export async function whileShown<T>(
  { terminal }: Pick<Cli, 'terminal'>,
  work: (options: Work) => Promise<T>,
  { nowMs = () => performance.now() }: { nowMs?: () => number } = {},
): Promise<T> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new BooError('shutting_down', 'Interrupted.'));
  const letGo = terminal.onInterrupt(interrupt);
  process.once('SIGTERM', interrupt);
  let shownAt = nowMs();
  let isShown = false;
  const onProgress = (progress: BackupProgress): void => {
    if (!terminal.canRewriteErr || nowMs() - shownAt < everyMs) return;
    shownAt = nowMs();
    isShown = true;
    terminal.err(`\r\u001b[K· ${inWords(progress)}`);
  };
  try {
    return await work({ signal: stop.signal, onProgress });
  } finally {
    if (isShown) terminal.err('\r\u001b[K');
    process.off('SIGTERM', interrupt);
    letGo();
  }
}

const phases = { write: 'Writing', verify: 'Verifying', restore: 'Restoring' };

function inWords({ phase, table, rows, bytes }: BackupProgress): string {
  return `${phases[phase]} ${table}: ${grouped(rows)} rows, ${(bytes / 1e6).toFixed(1)} MB so far`;
}
