import { rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from './lib/make-directory.ts';
import { BooError } from './protocol/error.ts';

/**
 * Makes sure that the data directory exists and accepts files, before anything is put into it. Returns a function that
 * removes what was created, as long as it is empty. Throws `config_invalid`.
 */
export function openDataDirectory(dataDir: string): () => void {
  try {
    const made = makeDirectory(dataDir);
    const probe = join(dataDir, `.write-${process.pid}`);
    // Not empty, so that a full disk is noticed too.
    writeFileSync(probe, 'can it be written?\n', { mode: 0o600 });
    rmSync(probe);
    return () => removeEmpty(made);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const [what, help] =
      code === 'ENOSPC' ? ['has no space left', 'make room'] : ['is not writable', 'make it writable for this user'];
    const sentence = `The data directory ${dataDir} ${what} (${code}): ${help}, or choose another with --data-dir.`;
    throw new BooError('config_invalid', sentence, { cause, details: { dataDir } });
  }
}

function removeEmpty(directories: readonly string[]): void {
  for (const directory of directories.toReversed()) {
    try {
      rmdirSync(directory);
    } catch {
      // Something was put there: it stays, and so do its parents.
      return;
    }
  }
}
