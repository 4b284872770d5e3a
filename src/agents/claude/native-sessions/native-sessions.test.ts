import { appendFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identifyProcess } from '../../../lib/process-identity.ts';
import { listSessions, readSession } from './list-sessions.ts';
import { sessionFolder, transcriptFile } from './native-layout.ts';
import { sessionFiles, stateOf } from './session-files.ts';
import { programIn } from './session-in-use.ts';
import { SessionWriter } from './write-sessions.ts';

const one = '11111111-1111-4111-8111-111111111111';
const two = '22222222-2222-4222-8222-222222222222';
let root: string;
let env: Record<string, string>;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-files-')));
  env = { CLAUDE_CONFIG_DIR: join(root, 'config') };
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, ...entries: unknown[]): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    entries.map((entry) => `${typeof entry === 'string' ? entry : JSON.stringify(entry)}\n`).join(''),
  );
  return path;
}
const prompt = (text: string, timestamp: string, more: object = {}) => ({
  type: 'user',
  uuid: text,
  cwd: '/somewhere',
  timestamp,
  message: { content: text },
  ...more,
});
const answer = (id: string, ...types: string[]) => ({
  type: 'assistant',
  uuid: `${id}-${types.join()}`,
  message: { id, content: types.map((type) => ({ type, text: 'x' })) },
});

describe('TRANSCRIPT-8: the sessions of a directory', () => {
  test('are listed newest first, with their first prompt, messages and title', async () => {
    const cwd = join(root, 'my work');
    await mkdir(cwd);
    const folder = await sessionFolder(env, cwd);
    expect(folder).toBe(join(root, 'config', 'projects', cwd.replaceAll(/[^a-zA-Z0-9]/g, '-')));
    expect(await listSessions(folder)).toEqual([]);
    await put(
      join(folder, `${one}.jsonl`),
      { type: 'mode' },
      prompt('meta', '2026-01-01T00:00:00Z', { isMeta: true }),
      prompt('first', '2026-01-01T00:00:01Z'),
      answer('m1', 'thinking'),
      answer('m1', 'text'),
      answer('m2', 'text', 'tool_use'),
      'rubbish',
      prompt('of a sub-agent', '2026-01-01T00:00:02Z', { isSidechain: true }),
      { type: 'custom-title', customTitle: 'Mine' },
    );
    await put(join(folder, `${two}.jsonl`), prompt('newer', '2026-02-01T00:00:00Z'));
    await put(join(folder, 'notes.jsonl'), prompt('no session', '2026-02-01T00:00:00Z'));
    await put(join(folder, '33333333-3333-4333-8333-333333333333.jsonl'), { type: 'mode' });
    expect(await listSessions(folder)).toEqual([
      {
        sessionId: two,
        file: join(folder, `${two}.jsonl`),
        title: null,
        firstPrompt: 'newer',
        messages: 1,
        lastActivity: new Date('2026-02-01T00:00:00Z'),
        cwd: '/somewhere',
      },
      expect.objectContaining({ sessionId: one, title: 'Mine', firstPrompt: 'first', messages: 3 }),
    ]);
  });

  test('a file with another name is recognized by its contents; one without messages is no session', async () => {
    const named = await put(join(root, 'copy.jsonl'), { ...prompt('a', '2026-01-01T00:00:00Z'), sessionId: two });
    expect(await readSession(named)).toMatchObject({ sessionId: two, messages: 1 });
    expect(await readSession(await put(join(root, 'x.jsonl'), { type: 'mode', sessionId: two }))).toBeNull();
    expect(await readSession(await put(join(root, 'y.txt'), 'hello', '42'))).toBeNull();
  });

  test('a session’s files are its own and its sub-agents’, and any change to them is seen', async () => {
    const file = await put(join(root, `${one}.jsonl`), { type: 'x' });
    const sub = await put(join(root, one, 'subagents', 'agent-1.jsonl'), { type: 'x' });
    const deep = await put(join(root, one, 'subagents', 'deep', 'agent-2.jsonl'), { type: 'x' });
    await put(join(root, one, 'subagents', 'agent-1.meta.json'), {});
    await put(join(root, one, 'subagents', 'a b.jsonl'), {});
    const files = await sessionFiles(file, one);
    expect(files.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual(
      [
        { path: file, subpath: '' },
        { path: sub, subpath: 'subagents/agent-1' },
        { path: deep, subpath: 'subagents/deep/agent-2' },
      ].toSorted((a, b) => a.path.localeCompare(b.path)),
    );
    const before = await stateOf(files);
    expect(await stateOf(files)).toEqual(before);
    await appendFile(sub, '{}\n');
    expect((await stateOf(files)).text).not.toBe(before.text);
  });
});

describe('TRANSCRIPT-9: a session that a program is using', () => {
  const said = (pid: number, more: object = {}) =>
    put(join(root, 'config', 'sessions', `${pid}.json`), { pid, sessionId: one, status: 'idle', ...more });

  test('is detected by the status file of a live process', async () => {
    expect(await programIn(env, one)).toBeNull();
    await said(process.pid);
    await put(join(root, 'config', 'sessions', 'x.key'), 'rubbish');
    expect(await programIn(env, one)).toEqual({ pid: process.pid });
    expect(await programIn(env, two)).toBeNull();
  });

  test('is not detected by the file of a dead process, even if its pid was reused', async () => {
    await said(2 ** 22 - 1);
    expect(await programIn(env, one)).toBeNull();
    await said(process.pid, { procStart: '1' });
    expect(await programIn(env, one)).toBeNull();
    await said(process.pid, { procStart: identifyProcess(process.pid)?.startedAt.split('/')[1] });
    expect(await programIn(env, one)).toEqual({ pid: process.pid });
  });
});

describe('TRANSCRIPT-10: transcripts are written in the program’s layout', () => {
  const folder = () => join(root, 'projects');
  const read = (path: string) => readFile(join(folder(), path), 'utf8');
  async function write(...lines: [string, string, string][]) {
    const writer = new SessionWriter(folder());
    try {
      for (const [sessionId, subpath, line] of lines) await writer.add(sessionId, subpath, line);
      return await writer.finish();
    } finally {
      await writer.discard();
    }
  }
  const a = '{"type":"user","uuid":"a","text":"\\ud800"}';
  const b = '{"type":"mode"}';

  test('each in its place, whole, readable by its owner only, and nothing else', async () => {
    const written = await write([one, '', a], [one, '', b], [one, '', b], [one, 'subagents/agent-1', a], [two, '', b]);
    expect(written.map(({ entries, isNew }) => [entries, isNew])).toEqual([
      [3, true],
      [1, true],
      [1, true],
    ]);
    expect(await read(`${one}.jsonl`)).toBe(`${a}\n${b}\n${b}\n`);
    expect(await read(`${one}/subagents/agent-1.jsonl`)).toBe(`${a}\n`);
    expect((await stat(join(folder(), `${one}.jsonl`))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder(), { recursive: true })).toSorted()).toEqual(
      [one, `${one}.jsonl`, `${one}/subagents`, `${one}/subagents/agent-1.jsonl`, `${two}.jsonl`].toSorted(),
    );
  });

  test('a file that contains everything stays, one that contains less is replaced, and one that contains more is an error', async () => {
    await put(join(folder(), `${one}.jsonl`), '{"type":"api-request"}', a, b, '{"type":"user","uuid":"later"}');
    expect(await write([one, '', a], [one, '', b])).toMatchObject([{ isNew: false }]);
    expect(await read(`${one}.jsonl`)).toContain('later');

    await put(join(folder(), `${one}.jsonl`), a);
    expect(await write([one, '', a], [one, '', b])).toMatchObject([{ isNew: true }]);
    expect(await read(`${one}.jsonl`)).toBe(`${a}\n${b}\n`);

    await put(join(folder(), `${two}.jsonl`), '{"type":"user","uuid":"theirs"}');
    await expect(write([one, '', a], [one, '', '{"type":"x"}'], [two, '', a])).rejects.toThrow(
      'so it was not replaced',
    );
    expect(await read(`${one}.jsonl`)).toBe(`${a}\n${b}\n`);
    expect((await readdir(folder())).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test.each([
    ['../escape', ''],
    ['', ''],
    [one, 'subagents/../../../escape'],
    [one, '/etc/passwd'],
    [one, 'subagents//x'],
    [one, 'subagents/a\u0000'],
    [one, '.hidden'],
  ])('a name that leads elsewhere is no file: %j %j', (sessionId, subpath) => {
    expect(transcriptFile(root, sessionId, subpath)).toBeNull();
  });
});
