import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createGate } from '../../../test/support/gate.ts';
import { MemorySideFiles } from '../../../test/support/memory-side-files.ts';
import { until } from '../../../test/support/until.ts';
import { type Log, silentLog } from '../../lib/log.ts';
import type { AgentBody } from '../../protocol/event.ts';
import { sideFileLimits } from '../../protocol/side-files.ts';
import { SideFiles } from './side-files.ts';

const sessionId = randomUUID();
const output = `projects/-no-work/${sessionId}/tool-results/b1.txt`;
const task = `tasks/${sessionId}/1.json`;

let root: string;
let store: MemorySideFiles;
let warned: string[];
let told: AgentBody[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'boocode-side-'));
  store = new MemorySideFiles();
  warned = [];
  told = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** The session on one of the hosts. */
function on(host: string, closeMs?: number): SideFiles {
  const logger: Log = { ...silentLog, warn: (_fields, message) => void warned.push(message) };
  return new SideFiles({
    spec: { chatId: 'c', sideFiles: store, onEvent: (event) => void told.push(event) },
    logger,
    ...(closeMs !== undefined && { closeMs }),
    place: () => ({ configDir: join(root, host), cwd: '/no/work', sessionId }),
  });
}

/** Opens the session on a host, does something there as the program would, and closes it. */
async function visit(host: string, work: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  const files = on(host);
  await files.open();
  await work();
  await files.close();
}

async function write(host: string, name: string, text: string | Buffer, ageMs = 0): Promise<void> {
  const path = join(root, host, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  const at = (Date.now() - ageMs) / 1000;
  await utimes(path, at, at);
}
const read = (host: string, name: string): Promise<string> => readFile(join(root, host, name), 'utf8').catch(() => '-');

test('HOST-20: what changed is stored, and written out on a host that lacks it', async () => {
  await visit('a', async () => {
    await write('a', output, 'long');
    await write('a', task, 'pending', 10_000);
    await write('a', `file-history/${sessionId}/ad15@v1`, 'before');
    // Of nobody, or of another session.
    await write('a', `projects/-no-work/${sessionId}/subagents/agent-1.jsonl`, '{}');
    await write('a', `projects/-no-work/${randomUUID()}/tool-results/b2.txt`, 'x');
    await write('a', `tasks/${sessionId}/.lock`, '');
    await write('a', 'plans/of-another.md', 'x');
    await write('a', 'settings.json', '{}');
  });
  expect(store.writes.toSorted()).toEqual([
    'put file-history/ad15@v1',
    'put session/tool-results/b1.txt',
    'put tasks/1.json',
  ]);
  await visit('b', () => write('b', task, 'completed', 5_000));
  expect(await read('b', output)).toBe('long');
  expect(await read('b', `file-history/${sessionId}/ad15@v1`)).toBe('before');
  // Only what changed was stored again, and the first host gets that.
  expect(store.writes.slice(3)).toEqual(['put tasks/1.json']);
  await visit('a');
  expect(await read('a', task)).toBe('completed');
  expect(store.writes).toHaveLength(4);
  expect([told, warned]).toEqual([[], []]);
});

test('HOST-20: what another host changed a moment later is newer', async () => {
  await visit('a', () => write('a', task, 'pending', 10_000));
  await visit('b', () => write('b', task, 'completed', 9_500));
  await visit('a');
  expect(await read('a', task)).toBe('completed');
  expect(store.text('tasks/1.json')).toBe('completed');
});

test('HOST-20: what is newer on this host stays, and is stored', async () => {
  await visit('a', () => write('a', task, 'pending', 60_000));
  await write('a', task, 'completed, and the host died', 30_000);
  await visit('a');
  expect(await read('a', task)).toBe('completed, and the host died');
  expect(store.text('tasks/1.json')).toBe('completed, and the host died');
});

test('HOST-20: a file that the program removed is removed from the store', async () => {
  await visit('a', () => write('a', task, 'pending'));
  await visit('a', () => rm(join(root, 'a', task)));
  expect(store.files.size).toBe(0);
  await visit('b');
  expect(await read('b', task)).toBe('-');
});

test('HOST-20: a plan is stored once an entry names it', async () => {
  await visit('a', async () => {
    await write('a', 'plans/calm-lemur.md', 'plan');
    await write('a', 'plans/calm-lemurs.md', 'of another');
  });
  expect(store.writes).toEqual([]);
  const files = on('a');
  await files.open();
  files.noteEntries([{ type: 'user', slug: 'calm-lemur' }]);
  await files.close();
  expect(store.writes).toEqual(['put plans/calm-lemur.md']);
  // And again without being named, on the next host.
  await visit('b', () => write('b', 'plans/calm-lemur.md', 'changed'));
  expect(store.text('plans/calm-lemur.md')).toBe('changed');
});

test('HOST-20: a long output is stored in the middle of a turn, and other files after it', async () => {
  const files = on('a');
  await files.open();
  await write('a', output, 'long');
  files.noteEntries([{ type: 'user', toolUseResult: { stdout: 'x' } }]);
  files.noteEntries([{ type: 'user', toolUseResult: { persistedOutputPath: '/x' } }]);
  await until(() => store.writes.length === 1, { what: 'the output is stored' });
  await write('a', task, 'pending');
  files.store();
  await until(() => store.writes.length === 2, { what: 'the task is stored' });
  await files.close();
  expect(store.writes).toHaveLength(2);
});

test('HOST-21: a file that is too long is left out, and named once where it is missing', async () => {
  const large = `projects/-no-work/${sessionId}/tool-results/large.txt`;
  await visit('a', async () => {
    await write('a', large, Buffer.alloc(sideFileLimits.fileBytes + 1));
    await write('a', output, Buffer.alloc(sideFileLimits.fileBytes), 10_000);
  });
  await visit('a');
  expect(told).toEqual([]);
  await visit('b');
  await visit('b');
  expect(told).toMatchObject([
    {
      level: 'warning',
      code: 'files_not_moved',
      message: '1 file of the agent was not moved to this host: tool-results/large.txt (2.1 MB).',
      data: { files: [{ name: 'tool-results/large.txt', size: sideFileLimits.fileBytes + 1 }] },
    },
  ]);
  expect((await stat(join(root, 'b', output))).size).toBe(sideFileLimits.fileBytes);
});

test('HOST-21: of more than could be kept, only what changed last is read', async () => {
  await visit('a', async () => {
    for (let at = 0; at < 33; at += 1) {
      await write('a', `projects/-no-work/${sessionId}/${at}`, Buffer.alloc(sideFileLimits.fileBytes), at * 1_000);
    }
  });
  expect([...store.files.values()].filter(({ content }) => content === null)).toMatchObject([{ name: 'session/32' }]);
});

test('HOST-21: of many files that were not moved the first are named', async () => {
  for (let at = 1; at <= 7; at += 1) await store.put({ sessionId, name: `tasks/${at}.json`, size: at, ageMs: 0 }, null);
  await visit('b');
  expect(told).toMatchObject([
    { message: expect.stringMatching(/^7 files of the agent were not .*tasks\/5\.json \(5 B\) and 2 more\.$/) },
  ]);
});

test('HOST-20: hostile names and links lead nowhere, and the rest is written out', async () => {
  await mkdir(join(root, 'b', 'file-history'), { recursive: true });
  await mkdir(join(root, 'outside'));
  await symlink(join(root, 'outside'), join(root, 'b', 'file-history', sessionId));
  for (const name of [
    'session/../../../../x',
    'settings.json',
    'plans/../settings.md',
    'file-history/x@v1',
    'tasks/1.json',
  ]) {
    await store.put({ sessionId, name, size: 1, ageMs: 0 }, Buffer.from('x'));
  }
  await store.put({ sessionId: '../../outside', name: 'tasks/x', size: 1, ageMs: 0 }, Buffer.from('x'));
  await visit('b');
  expect(await read('b', task)).toBe('x');
  for (const path of ['x', 'outside/x', 'outside/x@v1', 'b/settings.json', 'b/settings.md'])
    expect(await read('.', path)).toBe('-');
  expect(warned.filter((words) => words.includes('a name that is not allowed'))).toHaveLength(4);
  // It is told of, and kept: on another host it may be written.
  expect(told).toMatchObject([{ data: { files: [{ name: 'file-history/x@v1' }] } }]);
  expect(store.text('file-history/x@v1')).toBe('x');
});

test('HOST-20: what could not be stored is reported once, disturbs nothing, and is stored the next time', async () => {
  const files = on('a');
  await files.open();
  await write('a', task, 'pending');
  let tries = 0;
  store.onWrite = () => {
    tries += 1;
    throw new Error('The database is away.');
  };
  for (let turn = 1; turn <= 2; turn += 1) {
    files.store();
    await until(() => tries === turn, { what: 'a try' });
  }
  store.onWrite = () => {};
  await files.close();
  expect(warned).toEqual(['Files of the agent could not be stored; it is tried again after the next turn.']);
  expect(store.writes).toEqual(['put tasks/1.json']);
});

test('HOST-20: nothing waits for a store that does not answer, except the end of the session for a moment', async () => {
  const gate = createGate();
  store.onWrite = () => gate.pass();
  const files = on('a', 20);
  await files.open();
  await write('a', task, 'pending');
  files.store();
  await files.close();
  expect(store.writes).toEqual([]);
  gate.open();
  await until(() => store.writes.length === 1, { what: 'the end of the write' });
});
