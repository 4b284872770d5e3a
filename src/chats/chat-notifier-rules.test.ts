import { beforeEach, describe, expect, test } from 'vitest';
import type { Chat } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { ChatNotifier } from './chat-notifier.ts';
import type { ChatNotification } from './chats.ts';

let notifier: ChatNotifier;
let told: ChatNotification[];
beforeEach(() => {
  notifier = new ChatNotifier();
  told = [];
});

const watch = () => notifier.watch((notification) => void told.push(notification));
const ignore = () => notifier.watch(() => {});
/** A chat has changed; returns what was told in the same turn of the event loop. */
async function change(id: string, part: Partial<Chat> = {}): Promise<unknown[]> {
  notifier.changed(id, () => ({ id, head: 1, updatedAt: 'now', ...part }) as Chat);
  return news();
}
async function news(): Promise<unknown[]> {
  await new Promise(setImmediate);
  return told.splice(0).map((each) => (each.type === 'chat' ? [each.chat.id, each.chat.title] : each));
}

describe('WEB-2: a change of a chat', () => {
  test('is told once per turn of the event loop, as the chat is by then', async () => {
    watch();
    let views = 0;
    for (const title of ['one', 'two']) {
      notifier.changed('a', () => ((views += 1), { id: 'a', title } as Chat));
      notifier.changed('b', () => ({ id: 'b', title }) as Chat);
    }
    expect(told).toEqual([]);
    expect(await news()).toEqual([
      ['a', 'two'],
      ['b', 'two'],
    ]);
    expect(views).toBe(1);
  });

  test('is not told if nothing changed but its head and its time', async () => {
    watch();
    expect(await change('a', { head: 1, updatedAt: 'then' })).toHaveLength(1);
    expect(await change('a', { head: 2, updatedAt: 'now' })).toEqual([]);
    expect(await change('a', { title: 'A name' })).toEqual([['a', 'A name']]);
  });

  test('is told to everyone who watches, and to nobody who has stopped', async () => {
    const stop = watch();
    const stopAlso = watch();
    expect(await change('a')).toHaveLength(2);
    stop();
    // The other one still knows what it was told.
    expect(await change('a')).toEqual([]);
    expect(await change('a', { title: 'A name' })).toHaveLength(1);
    stopAlso();
    expect(await change('a', { title: 'Another' })).toEqual([]);
  });

  test('is told to one who begins to watch, whatever was told to others before', async () => {
    const stop = watch();
    await change('a');
    stop();
    watch();
    expect(await change('a')).toHaveLength(1);
  });

  test('is told even if everyone had just stopped when it was to be told before', async () => {
    const stop = ignore();
    const changed = change('a');
    stop();
    expect(await changed).toEqual([]);
    watch();
    expect(await change('a')).toHaveLength(1);
  });

  test('is not even looked at if nobody watches', async () => {
    notifier.changed('a', () => {
      throw new Error('It was looked at.');
    });
    watch();
    expect(await news()).toEqual([]);
  });

  test('is not told after the chat was deleted, which is told at once', async () => {
    watch();
    await change('a');
    const changed = change('a', { title: 'A name' });
    notifier.deleted('a');
    expect(await changed).toEqual([{ type: 'chat_deleted', chatId: 'a' }]);
    // Its last holder may not know yet.
    expect(await change('a')).toEqual([]);
  });
});

describe('WEB-2: a decision', () => {
  const asked = {
    type: 'decision_requested',
    decisionId: 'd',
    chatId: 'a',
    turnId: 't',
    kind: 'permission',
    title: 'B\u0000',
    input: { command: 'ls' },
    toolName: 'Ba\ud800',
    toolCallId: 'c\u0000',
    subagentCallId: 's\u0000',
    canAllowAlways: true,
    alwaysScope: ['ls'],
    at: 'then',
  };
  const pending: Decision = {
    id: 'd',
    chatId: 'a',
    turnId: 't',
    kind: 'permission',
    title: 'B␀',
    input: { command: 'ls' },
    toolName: 'Ba\ufffd',
    toolCallId: 'c␀',
    subagentCallId: 's␀',
    canAllowAlways: true,
    alwaysScope: ['ls'],
    status: 'pending',
    requestedAt: 'then',
    resolvedAt: null,
    outcome: null,
    by: null,
    principal: null,
    via: null,
  };
  const store = (body: object): ChatNotification[] => {
    notifier.stored(body as Event);
    return told.splice(0);
  };
  const resolve = (more: object = {}): ChatNotification[] =>
    store({ type: 'decision_resolved', decisionId: 'd', outcome: 'deny', by: 'host', at: 'now', ...more });
  const settled = { status: 'resolved', outcome: 'deny', by: 'host', resolvedAt: 'now' } as const;
  beforeEach(() => void watch());

  test('is told as its row will be, when it is requested and once when it is settled', () => {
    expect(store(asked)).toEqual([{ type: 'decision', decision: pending }]);
    expect(resolve()).toEqual([{ type: 'decision', decision: { ...pending, ...settled } }]);
    expect(resolve()).toEqual([]);
  });

  test('may come without a turn, a tool and a scope, and is settled by a person', () => {
    const given: Record<string, unknown> = { ...asked, kind: 'form' };
    const { turnId: _, toolName: __, toolCallId: ___, alwaysScope: ____, ...form } = given;
    const bare = { ...pending, kind: 'form', turnId: null, toolName: null, toolCallId: null, alwaysScope: [] };
    expect(store(form)).toEqual([{ type: 'decision', decision: bare }]);
    const person = { principal: { id: 'p', name: 'Anna' }, via: 'phone' };
    expect(resolve(person)).toEqual([{ type: 'decision', decision: { ...bare, ...settled, ...person } }]);
  });

  test('that a dead host left is told when it is cancelled', () => {
    notifier.left([pending]);
    expect(told).toEqual([]);
    expect(resolve()).toEqual([{ type: 'decision', decision: { ...pending, ...settled } }]);
  });

  test('of a chat that this host no longer holds is not told', () => {
    notifier.left([pending, { ...pending, id: 'other', chatId: 'b' }]);
    notifier.forget('a');
    expect(resolve()).toEqual([]);
    expect(resolve({ decisionId: 'other' })).toHaveLength(1);
  });

  test('of a deleted chat is not told', () => {
    notifier.left([pending]);
    notifier.deleted('a');
    told = [];
    expect(resolve()).toEqual([]);
  });

  test('is all that is told of an event', () => {
    expect(store({ type: 'notice', chatId: 'a' })).toEqual([]);
  });
});
