// Who watches a real working tree is told what changes in it.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChangingRepository } from '../../../test/support/changing-repository.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { until } from '../../../test/support/until.ts';

let clock: ManualClock;
let repository: ChangingRepository;
beforeEach(() => {
  clock = new ManualClock();
  repository = new ChangingRepository({ clock });
});
afterEach(() => repository.close());

async function watch(chat = repository.chat) {
  const told: (string | null)[] = [];
  let ends = 0;
  const viewer = { onChange: (tree: string | null) => void told.push(tree), onEnd: () => void (ends += 1) };
  const close = await repository.changes.watch(chat, viewer);
  return { told, close, ends: () => ends };
}
/** Lets the next look begin, and end. */
async function look(): Promise<void> {
  await until(() => clock.pending === 1);
  clock.advance(clock.nextMs ?? 0);
  await until(() => clock.pending === 1);
}

test('CHANGE-22: at once, and whenever files, what is staged or the commit change, and not otherwise', async () => {
  const { told, close } = await watch();
  await until(() => told.length === 1);
  expect(told[0]).toBe((await repository.changes.list(repository.chat, 'head')).tree);
  await look();
  expect(told).toHaveLength(1);
  repository.write('a.txt', '1\n');
  await look();
  expect(told).toHaveLength(2);
  expect(told[1]).toBe((await repository.changes.list(repository.chat, 'head')).tree);
  repository.git('add', 'a.txt');
  await look();
  repository.git('commit', '-q', '-m', 'x');
  await look();
  expect(told.slice(2)).toEqual([told[1], told[1]]);
  close();
});

test('CHANGE-22: viewers of one working tree share a look, and after the last one nothing is left', async () => {
  const [one, other] = [await watch(), await watch(repository.newChat())];
  await until(() => one.told.length === 1 && other.told.length === 1);
  expect([repository.changes.watchCount, clock.pending]).toEqual([1, 1]);
  one.close();
  repository.write('a.txt', '1\n');
  await look();
  expect([one.told.length, other.told.length]).toEqual([1, 2]);
  other.close();
  expect([repository.changes.watchCount, clock.pending]).toEqual([0, 0]);
  // In the middle of a look, too.
  const third = await watch();
  third.close();
  await repository.changes.list(repository.chat, 'head');
  expect([repository.changes.watchCount, clock.pending]).toEqual([0, 0]);
});

test('CHANGE-22: it ends with the chat and with the host, and is refused without a repository', async () => {
  const { ends } = await watch();
  await repository.changes.erase(repository.chat.id);
  expect([ends(), repository.changes.watchCount, clock.pending]).toEqual([1, 0, 0]);
  const other = await watch(repository.newChat());
  await repository.changes.close();
  expect([other.ends(), repository.changes.watchCount, clock.pending]).toEqual([1, 0, 0]);
  const nowhere = watch(repository.newChat(join(repository.root, 'gone')));
  expect(await repository.reasonOf(nowhere)).toBe('directory_missing');
});
