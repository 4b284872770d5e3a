import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import type { ChangedFile } from '../protocol/changes.ts';
import type { Chat } from '../protocol/chat.ts';

let stub: StubServer;
beforeEach(async () => (stub = await openStubServer()));
afterEach(() => stub.close());

async function run(...words: string[]) {
  const { terminal, exitCode } = startCommand(stub, ['diff', ...words]);
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}

/** As in `boocode diff > x.patch`. */
async function piped(...words: string[]) {
  const { terminal, exitCode } = startCommand(stub, ['diff', ...words], { isOutScreen: false });
  expect(await exitCode).toBe(0);
  expect(terminal.stdout).toBe('');
  return { bytes: terminal.bytes, err: terminal.stderr };
}

const file = (fields: Partial<ChangedFile>): ChangedFile => ({
  path: 'a.txt',
  status: 'modified',
  added: 2,
  removed: 1,
  isBinary: false,
  isSubmodule: false,
  content: '0'.repeat(40),
  ...fields,
});

function change(files: ChangedFile[], diff: string, fields: Partial<Chat> = {}): Chat {
  const chat = stub.addChat(fields);
  const told = {
    chatId: chat.id,
    since: 'start',
    base: { commit: null, takenAt: null, turnId: null },
    tree: '1'.repeat(40),
  };
  stub.changes.set(chat.id, {
    list: {
      ...told,
      root: '/r',
      files,
      count: files.length,
      isTruncated: false,
      leftOut: [{ path: 'large\nfile', bytes: 60_000_000, reason: 'too_large' }],
    },
    diff: { ...told, file: null, diff, isTruncated: true, isLossy: false },
  });
  return chat;
}

describe('CHANGE-15: boocode diff', () => {
  test('prints the unified diff, and on the other stream what is missing from it', async () => {
    const { id } = change([file({})], 'diff --git a/a.txt b/a.txt\n@@ -1 +1,2 @@\n-old\n+new\n+more\n');
    const { code, out, err } = await run(id.slice(0, 8));
    expect(code).toBe(0);
    expect(out).toBe('diff --git a/a.txt b/a.txt\n@@ -1 +1,2 @@\n-old\n+new\n+more\n');
    expect(err).toBe(
      '· large\\nfile is left out: too large to be compared.\n· The end of the diff is missing: it is too long.\n',
    );
    expect(stub.requests).toContain(`GET /v1/chats/${id}/changes/diff`);
  });

  test('with --stat prints a line for each file', async () => {
    const { id } = change(
      [
        file({}),
        file({ path: 'new\nname', oldPath: 'old', status: 'renamed', added: 0, removed: 0 }),
        file({ path: 'b', status: 'added', added: null, removed: null, isBinary: true }),
        file({ path: 's', added: null, removed: null, isSubmodule: true }),
        file({ path: 'c', status: 'deleted', added: 0, removed: 4 }),
      ],
      '',
    );
    const { out } = await run('--stat', id);
    expect(out).toBe(
      'M a.txt  +2 -1\nR old → new\\nname  +0 -0\nA b  binary\nM s  submodule\nD c  +0 -4\n5 files, +2 -5\n',
    );
    expect(stub.requests).not.toContain(`GET /v1/chats/${id}/changes/diff`);
  });

  test('spells out what could act on the terminal, in paths and in the text', async () => {
    const { id } = change(
      [file({ path: '\u001b]0;x\u0007\u202e' })],
      'diff --git a/x b/x\n@@ -1 +1 @@\n-a\r\n+\u001b[2Jb\u009b31m\u202e\r\n',
    );
    expect((await run(id)).out).toBe('diff --git a/x b/x\n@@ -1 +1 @@\n-a␍\n+␛[2Jb<U+009B>31m<U+202E>␍\n');
    expect((await run('--stat', id)).out).toBe('M ␛]0;x␇<U+202E>  +2 -1\n1 file, +2 -1\n');
  });

  test('that goes to a file is the diff byte for byte', async () => {
    const text = 'diff --git a/x b/x\n@@ -1 +1 @@\n-a\r\n+\u001b[2Jb\u202e\r\n';
    const { id } = change([file({}), file({ path: 'b.bin', added: null, removed: null, isBinary: true })], text);
    const { bytes, err } = await piped(id);
    expect(bytes.toString()).toBe(text);
    expect(err).toContain('· b.bin is binary or large: the diff only says that it differs.\n');
    const latin = Buffer.from([0x2d, 0xe9, 0x0a]);
    stub.changes.get(id)!.diff.diffBytes = latin.toString('base64');
    expect((await piped(id)).bytes).toEqual(latin);
    stub.changes.get(id)!.diff = { ...stub.changes.get(id)!.diff, diff: '', diffBytes: undefined };
    expect((await piped(id)).err).toContain('Nothing has changed.');
  });

  test('of single files asks for these, and says which have not changed', async () => {
    const files = [
      file({}),
      file({ path: 'src/new.ts', oldPath: 'old.ts', status: 'renamed' }),
      file({ path: 'srcs' }),
    ];
    const { id } = change(files, 'diff --git a/x b/x\n');
    const { out, err } = await run(id, '--', 'src/', 'a.txt', 'same.txt');
    expect(out).toBe('diff --git a/x b/x\n'.repeat(2));
    expect(err).toContain('· same.txt has not changed.\n');
    const asked = stub.queries.filter((query) => query.has('path')).map((query) => query.get('path'));
    expect(asked).toEqual(['a.txt', 'src/new.ts']);
    expect((await run(id, 'old.ts', '--stat')).out).toBe('R old.ts → src/new.ts  +2 -1\n1 file, +2 -1\n');
  });

  test('tells who has changed a file, and what is ignored, if it is asked to', async () => {
    const by = { chats: ['11111111-x'], either: ['22222222-x', '33333333-x'], people: true, unknown: true };
    const { id } = change([file({ by })], 'text\n');
    stub.changes.get(id)!.list.ignored = { files: [{ path: 'node_modules/' }, { path: '.env' }], isTruncated: false };
    expect((await run(id, '--stat', '--by', '--ignored')).out).toBe(
      'M a.txt  +2 -1  by 11111111, 22222222 or 33333333, a person, unknown\n1 file, +2 -1\n! node_modules/\n! .env\n',
    );
    expect(stub.queries.at(-1)?.toString()).toBe('since=start&by=true&ignored=true');
    await run(id, '--ignored', '.env');
    expect(Object.fromEntries(stub.queries.at(-1)!)).toMatchObject({ path: '.env', ignored: 'true' });
    expect((await run(id, '--by')).err).toBe('error: --by is for --stat and --json.\n');
  });

  test('says so if lines were not counted', async () => {
    const { id } = change([file({ added: null, removed: null })], '');
    expect((await run('--stat', id)).out).toBe('M a.txt  not counted\n1 file, lines not counted\n');
  });

  test('with --json prints what the API says', async () => {
    const { id } = change([file({})], 'text');
    const { out } = await run('--json', id);
    expect(JSON.parse(out)).toEqual({ ...stub.changes.get(id)!.list, diff: 'text', isDiffTruncated: true });
    expect(JSON.parse((await run('--json', '--stat', id)).out)).toEqual(stub.changes.get(id)!.list);
  });

  test('without a chat takes the newest one of the directory', async () => {
    change([], '', { cwd: '/elsewhere' });
    change([file({})], 'here\n', { cwd: process.cwd() });
    expect((await run()).out).toBe('here\n');
    // One with a worktree is of the directory from which that was made.
    const worktree = { path: '/there', branch: 'boocode/x', base: 'main', baseCommit: '0', repository: process.cwd() };
    change([file({})], 'there\n', { cwd: '/there', worktree });
    expect((await run()).out).toBe('there\n');
    stub.chats.splice(0, 3);
    expect(await run()).toMatchObject({
      code: 1,
      err: expect.stringContaining('No chat works in this directory') as string,
    });
  });

  test('refuses a time that there is not, and says why nothing can be told', async () => {
    const { id } = stub.addChat({});
    expect(await run('--since', 'yesterday', id)).toMatchObject({
      code: 1,
      err: expect.stringContaining('--since must be start, head, or turn:') as string,
    });
    expect(await run('--since', 'head', id)).toMatchObject({ err: 'error: It is not in a git repository.\n' });
  });
});
