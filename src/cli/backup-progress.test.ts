import { expect, it } from 'vitest';
import { createFakeTerminal } from '../../test/support/fake-terminal.ts';
import { whileShown } from './backup-progress.ts';

const progress = { phase: 'write', table: 'events', rows: 12_000, bytes: 3_400_000 } as const;

/** A backup that reports every 300 ms. */
async function shown(canRewriteErr: boolean): Promise<string> {
  const terminal = Object.assign(createFakeTerminal(), { canRewriteErr });
  let time = 0;
  const work = ({ onProgress }: { onProgress: (step: typeof progress) => void }): Promise<void> => {
    for (time = 300; time <= 900; time += 300) onProgress(progress);
    return Promise.resolve();
  };
  await whileShown({ terminal }, work, { nowMs: () => time });
  return terminal.stderr;
}

it('BACKUP-7: on a screen, how far a backup is stands in one line, which is gone at the end', async () => {
  expect(await shown(true)).toBe('\r\u001b[K· Writing events: 12,000 rows, 3.4 MB so far\r\u001b[K');
});

it('BACKUP-7: elsewhere nothing is printed while a backup is written', async () => {
  expect(await shown(false)).toBe('');
});

it('BACKUP-5: Ctrl-C ends it in order', async () => {
  const terminal = createFakeTerminal();
  const stopped = whileShown(
    { terminal },
    ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      ),
  );
  terminal.press();
  await expect(stopped).rejects.toThrowError('Interrupted.');
});
