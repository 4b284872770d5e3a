// Who has changed a file, in a real working tree.
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { git } from '../../../test/support/git-repository.ts';
import { until } from '../../../test/support/until.ts';

let repository: ChangingRepository;
beforeEach(() => {
  repository = new ChangingRepository();
});
afterEach(() => repository.close());

/** Ends a turn, once that is recorded. */
async function end(turnId: string, chat = repository.chat): Promise<void> {
  repository.changes.afterTurn(chat, turnId);
  await until(() => repository.snapshots(chat).includes(`${turnId}-end`));
}
async function turn(work: () => void, chat = repository.chat): Promise<string> {
  const turnId = await repository.turn(chat);
  work();
  await end(turnId, chat);
  return turnId;
}
async function who(since = 'start', chat = repository.chat) {
  const { files } = await repository.changes.list(chat, since, { by: true });
  const names = new Map([[repository.chat.id, 'this']]);
  const named = (ids: string[] = []) => ids.map((id) => names.get(id) ?? 'other').toSorted();
  return files.map(({ path, by }) =>
    [
      `${path}:`,
      ...named(by?.chats),
      ...(by?.either.length ? [`(${named(by.either).join(' or ')})`] : []),
      ...(by?.people ? ['people'] : []),
      ...(by?.unknown ? ['unknown'] : []),
    ].join(' '),
  );
}

describe('CHANGE-23: who has changed a file', () => {
  test('is a turn, another chat’s turn, a person in between, or several', async () => {
    const other = repository.newChat();
    repository.commit({ 'both.txt': '1\n', 'was.txt': 'was\n'.repeat(9) });
    await turn(() => repository.write('mine.txt', '1\n'));
    repository.write('person.txt', '1\n');
    repository.write('both.txt', '2\n');
    await turn(() => repository.write('others.txt', '1\n'), other);
    const last = await turn(() => {
      repository.write('both.txt', '3\n');
      repository.git('mv', 'was.txt', 'is.txt');
      repository.git('commit', '-q', '-m', 'By Bash', 'was.txt', 'is.txt');
    });
    expect(await who()).toEqual([
      'both.txt: this people',
      'is.txt: this',
      'mine.txt: this',
      'others.txt: other',
      'person.txt: people',
    ]);
    expect(await who(`turn:${last}`)).toEqual(['both.txt: this', 'is.txt: this']);
    expect((await repository.changes.list(repository.chat, 'start')).files[0]?.by).toBeUndefined();
  });

  test('is one of those that ran at the same time, and what still runs', async () => {
    const other = repository.newChat();
    const mine = await repository.turn();
    repository.write('alone.txt', '1\n');
    const others = await repository.turn(other);
    repository.write('either.txt', '1\n');
    await end(others, other);
    repository.write('running.txt', '1\n');
    expect(await who()).toEqual(['alone.txt: this', 'either.txt: (other or this)', 'running.txt: this']);
    await end(mine);
    repository.write('running.txt', '2\n');
    expect(await who()).toContain('running.txt: this people');
  });

  test('is unknown before anything was recorded, and where the end of a turn is missing', async () => {
    repository.write('before.txt', '1\n');
    await repository.turn();
    repository.write('a.txt', '1\n');
    // As after a restart: nobody knows when that turn ended.
    const changes = repository.open();
    const turnId = randomUUID();
    await changes.atTurn(repository.chat, turnId, Promise.resolve(true));
    repository.write('b.txt', '1\n');
    const { files } = await changes.list(repository.chat, 'head', { by: true });
    const by = files.map((file) => [file.path, file.by?.chats.length, file.by?.people, file.by?.unknown]);
    expect(by).toEqual([
      ['a.txt', 1, false, true],
      ['b.txt', 1, false, false],
      ['before.txt', 0, false, true],
    ]);
    await changes.close();
  });

  test('in another working tree of the repository does not count, nor does a file with a strange name', async () => {
    const linked = join(repository.root, 'linked');
    repository.git('worktree', 'add', '-q', linked);
    const other = repository.newChat(linked);
    const elsewhere = await repository.turn(other);
    await turn(() => repository.write('a.txt', '1\n'));
    const name = `${'1'.repeat(40)} ${'2'.repeat(40)}\n:x`;
    repository.write(name, '1\n');
    expect(await who()).toEqual([`${name}: people`, 'a.txt: this']);
    await end(elsewhere, other);
    rmSync(linked, { recursive: true });
    expect(git(repository.top, 'worktree', 'list').split('\n')).toHaveLength(2);
    expect(await who()).toEqual([`${name}: people`, 'a.txt: this']);
  });

  test('is recorded by the next turn if that waits already', async () => {
    const first = await repository.turn();
    repository.changes.afterTurn(repository.chat, first);
    const second = await repository.turn();
    await until(() => repository.snapshots().includes(`${first}-end`));
    expect(repository.snapshots().toSorted()).toEqual([`${first}-end`, first, second, 'start'].toSorted());
  });
});
