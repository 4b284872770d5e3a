// Snapshots as chats take them, on a real database, with an agent that is scripted.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../../test/support/chats-host.ts';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { finished, said } from '../../../test/support/scripted-backend.ts';
import { chatsMissing } from '../../store/chats.ts';
import { Workspaces } from '../workspaces/workspaces.ts';

let database: TestDatabase;
let root: string;
let top: string;
let workspaces: Workspaces;
let host: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-turn-snapshots-')));
  top = join(root, 'repository');
  mkdirSync(top);
  initRepository(top);
  const dataDir = join(root, 'data');
  mkdirSync(dataDir);
  workspaces = new Workspaces({ dataDir, env: process.env });
  host = await openChatsHost(database.url, { dataDir, workspaces });
});
afterEach(async () => {
  await host.close();
  await workspaces.close();
  rmSync(root, { recursive: true, force: true });
});

/** In each turn the agent writes the next file, at once. */
function writeInTurns(): void {
  let count = 0;
  host.backend.script = async function* () {
    count += 1;
    writeFileSync(join(top, `file${count}`), 'x\n');
    yield said('Done.');
    yield finished();
  };
}

async function runTurns(chatId: string, count: number): Promise<string[]> {
  for (let at = 1; at <= count; at += 1) {
    await host.chats.submitPrompt(chatId, { content: 'write' });
    await host.events(chatId, 'turn_finished', at);
  }
  return (await host.events(chatId, 'turn_started', count)).map(({ turnId }) => turnId);
}

const pathsOf = async (chatId: string, since: string) =>
  (await host.chats.changes.list(chatId, since)).files.map(({ path }) => path);

describe('CHANGE-1: each turn of a chat', () => {
  test('has the state before the agent began, cold or warm, waiting or at once', async () => {
    writeInTurns();
    writeFileSync(join(top, 'before'), 'x\n');
    const { id } = await host.createChat({ cwd: top });
    const [first, second, third] = await runTurns(id, 3);
    expect(await pathsOf(id, 'start')).toEqual(['file1', 'file2', 'file3']);
    expect(await pathsOf(id, `turn:${first}`)).toEqual(['file1', 'file2', 'file3']);
    expect(await pathsOf(id, `turn:${second}`)).toEqual(['file2', 'file3']);
    expect(await pathsOf(id, `turn:${third}`)).toEqual(['file3']);
    expect(await pathsOf(id, 'head')).toEqual(['before', 'file1', 'file2', 'file3']);
    const { diff } = await host.chats.changes.diff(id, { since: `turn:${third}`, path: 'file3' });
    expect(diff).toContain('+x\n');
  });

  test('CHANGE-4: runs where snapshots cannot be kept', async () => {
    writeInTurns();
    rmSync(join(root, 'data'), { recursive: true });
    const { id } = await host.createChat({ cwd: top });
    await runTurns(id, 1);
    expect(existsSync(join(top, 'file1'))).toBe(true);
    await expect(host.chats.changes.list(id, 'start')).rejects.toMatchObject({ code: 'changes_unavailable' });
  });
});

describe('CHANGE-6: a chat whose directory is no repository', () => {
  test('runs its turns, and says why nothing can be told', async () => {
    const { id } = await host.createChat();
    await runTurns(id, 1);
    await expect(host.chats.changes.list(id, 'start')).rejects.toMatchObject({
      code: 'changes_unavailable',
      details: { reason: 'no_repository' },
    });
  });
});

describe('CHANGE-13: a deleted chat', () => {
  test('leaves no snapshot, also if another host deleted it', async () => {
    writeInTurns();
    const [one, two] = [await host.createChat({ cwd: top }), await host.createChat({ cwd: top })];
    await runTurns(one.id, 1);
    await runTurns(two.id, 1);
    await pathsOf(one.id, 'start');
    await pathsOf(two.id, 'start');
    const refs = () => git(top, 'for-each-ref', '--format=%(refname)', 'refs/boocode/');
    await host.chats.deleteChat(one.id);
    expect(refs()).not.toContain(one.id);
    expect(refs()).toContain(`refs/boocode/${two.id}/start`);
    await database.sql`delete from boocode.chats where id = ${two.id}`;
    await workspaces.changes.sweep((chatIds) => chatsMissing(database.sql, chatIds));
    expect(refs()).toContain(two.id);
    await workspaces.changes.sweep((chatIds) => chatsMissing(database.sql, chatIds), 0);
    expect(refs()).toBe('');
  });
});
