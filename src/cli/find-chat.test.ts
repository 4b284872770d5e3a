import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { createClient } from '../client/client.ts';
import { allPages, findChat, findDecision } from './find-chat.ts';

const ids = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaab-0000-4000-8000-000000000002'];
let stub: StubServer;
beforeEach(async () => {
  stub = await openStubServer();
  for (const id of ids) stub.addChat({ id });
});
afterEach(() => stub.close());

const client = () => createClient({ url: stub.url, token: stub.token });

it('finds a chat by its whole id or by a unique beginning', async () => {
  expect((await findChat(client(), ids[0]!)).id).toBe(ids[0]);
  expect((await findChat(client(), 'AAAAAAAB')).id).toBe(ids[1]);
});

it('lists the chats that an ambiguous beginning could mean', async () => {
  await expect(findChat(client(), 'aaaa')).rejects.toThrow(/2 chats start with aaaa: .*0002, .*0001/);
});

it.each([
  ['bbbb', 'No chat has an id that starts with bbbb.'],
  ['--', 'No chat has an id that starts with --.'],
  ['my chat', "A chat is named by its id or the start of it, not by 'my chat'."],
  ['', "A chat is named by its id or the start of it, not by ''."],
  ['aaaaaaaa-0000-4000-8000-000000000003', 'The chat does not exist.'],
])('says in one sentence that there is no such chat (%s)', async (given, sentence) => {
  await expect(findChat(client(), given)).rejects.toThrow(sentence);
});

it('finds a pending decision by the beginning of its id, a settled one by its whole id', async () => {
  const decision = stub.requestDecision(ids[0]!, {});
  expect((await findDecision(client(), decision.id.slice(0, 8))).id).toBe(decision.id);
  stub.settle(decision, { outcome: 'deny' }, 'web');
  await expect(findDecision(client(), decision.id.slice(0, 8))).rejects.toThrow('No decision');
  expect((await findDecision(client(), decision.id)).outcome).toBe('deny');
});

it('reads page after page to the end', async () => {
  const pages = new Map([
    [undefined, { items: [1, 2], next: 'a' }],
    ['a', { items: [], next: 'b' }],
    ['b', { items: [3], next: null }],
  ]);
  const seen: number[] = [];
  for await (const item of allPages((after) => Promise.resolve(pages.get(after)!))) seen.push(item);
  expect(seen).toEqual([1, 2, 3]);
});
