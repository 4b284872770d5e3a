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
