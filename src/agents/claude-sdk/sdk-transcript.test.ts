import { expect, test } from 'vitest';
import { createGate } from '../../../test/support/gate.ts';
import { silentLog } from '../../lib/log.ts';
import { SdkTranscript } from './sdk-transcript.ts';

test('DATA-23: once a session has ended, nothing more is stored for it, and nothing is being stored', async () => {
  const stored: unknown[] = [];
  const gate = createGate();
  const transcript = new SdkTranscript({
    spec: {
      chatId: 'c',
      sessionStore: {
        async append(_key, entries) {
          await gate.pass();
          stored.push(...entries);
        },
        load: () => Promise.resolve(null),
      },
    },
    logger: silentLog,
    limits: { repairMs: 10_000 },
    place: () => ({ configDir: '/nonexistent', cwd: '/', sessionId: 's' }),
    onEntries: () => undefined,
    onStored: () => undefined,
  });
  const append = (type: string) => transcript.mirror.append({ projectKey: 'p', sessionId: 's' }, [{ type }]);
  const first = append('first');
  await gate.reached;
  let isOver = false;
  const over = transcript.end().then(() => (isOver = true));
  // The SDK tries again what a lost connection kept from the store.
  const again = append('again');
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  gate.open();
  await Promise.all([first, again, over]);
  expect(stored).toEqual([{ type: 'first' }]);
});
