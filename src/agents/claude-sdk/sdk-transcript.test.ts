import { expect, test } from 'vitest';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    onRepaired: () => undefined,
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

test('SCHEDULE-11: what the mirror has lost is read by who listens to the transcript when it is stored after all', async () => {
  const configDir = await mkdtemp(join(tmpdir(), 'boocode-repair-'));
  const folder = join(configDir, 'projects', '-nowhere');
  const entries = ['a', 'b'].map((uuid) => ({ type: 'user', uuid }));
  await mkdir(join(folder, 's', 'subagents'), { recursive: true });
  await writeFile(join(folder, 's.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  await writeFile(join(folder, 's', 'subagents', 'agent-x.jsonl'), '{"type":"user","uuid":"c"}\n');
  const stored: unknown[] = [];
  const repaired: unknown[] = [];
  const transcript = new SdkTranscript({
    spec: {
      chatId: 'c',
      sessionStore: {
        append: (_key, added) => Promise.resolve(void stored.push(...added)),
        load: ({ subpath }) => Promise.resolve(subpath === undefined ? entries.slice(0, 1) : null),
      },
    },
    logger: silentLog,
    limits: { repairMs: 10_000 },
    place: () => ({ configDir, cwd: '/nowhere', sessionId: 's' }),
    onEntries: () => undefined,
    onStored: () => undefined,
    onRepaired: (entry) => repaired.push(entry),
  });
  transcript.noteGap();
  await transcript.repair();
  await rm(configDir, { recursive: true });
  expect(transcript.isDirty).toBe(false);
  expect(stored).toHaveLength(2);
  expect(repaired).toEqual([entries[1]]);
});
