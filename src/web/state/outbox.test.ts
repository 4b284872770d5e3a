import { afterEach, describe, expect, it } from 'vitest';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { until } from '../../../test/support/until.ts';
import type { ContentBlock } from '../../protocol/content.ts';
import { BooError } from '../../protocol/error.ts';
import { createOutbox, isUnsent, type Outbox } from './outbox.ts';

const text = (words: string): ContentBlock[] => [{ type: 'text', text: words }];
const away = new BooError('internal', 'The server cannot be reached.', { details: { reason: 'unreachable' } });
const boxes: Outbox[] = [];
afterEach(() => {
  for (const box of boxes.splice(0)) box.close();
});

/** A server with scripted responses, and the outboxes of one tab before and after a reload. */
function tab() {
  const storage = memoryStorage(5_000_000);
  const arrived: string[] = [];
  const ids: string[] = [];
  const refused: string[] = [];
  const server = { failure: undefined as BooError | undefined, hangs: 0 };
  const open = (): Outbox => {
    const box = createOutbox({
      storage,
      backoff: { minMs: 5, maxMs: 10 },
      onRefused: ({ promptId }) => refused.push(promptId),
      api: {
        async prompt(chatId, { id = '', content }, { signal } = {}) {
          if (server.failure) throw server.failure;
          if (server.hangs > 0) {
            server.hangs -= 1;
            await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
            throw away;
          }
          const [block] = content;
          if (typeof block === 'object' && block.type === 'text' && block.text === 'bad') {
            throw new BooError('invalid_request', 'content: is bad', { details: { status: 400 } });
          }
          arrived.push(`${chatId} ${typeof block === 'object' && block.type === 'text' ? block.text : 'image'}`);
          ids.push(id);
          return { promptId: id, chatId, seq: 1 };
        },
      },
    });
    boxes.push(box);
    return box;
  };
  return { storage, arrived, ids, refused, server, open };
}
const isEmpty = (box: Outbox) => until(() => !box.store.get().some(isUnsent));

describe('WEB-43: unsent prompts', () => {
  it('wait while the server is unreachable, then are sent automatically, in order within each chat', async () => {
    const { arrived, server, open } = tab();
    const box = open();
    server.failure = away;
    for (const words of ['1', '2', '3']) box.send('a', text(words));
    box.send('b', text('4'));
    await until(() => box.store.get().filter(({ state }) => state === 'waiting').length === 4);
    expect(arrived).toEqual([]);
    server.failure = undefined;
    await isEmpty(box);
    expect(arrived.filter((each) => each.startsWith('a'))).toEqual(['a 1', 'a 2', 'a 3']);
    expect(arrived).toContain('b 4');
  });

  it.each([408, 429, 502, 503, 504])('wait after a response of %i, and are sent later', async (status) => {
    const { arrived, refused, server, open } = tab();
    const box = open();
    server.failure = new BooError('internal', 'Not now.', { details: { status } });
    box.send('a', text('1'));
    await until(() => box.store.get()[0]?.state === 'waiting');
    server.failure = undefined;
    await isEmpty(box);
    expect([arrived, refused]).toEqual([['a 1'], []]);
  });

  it('survive a reload with the same ids', async () => {
    const { storage, arrived, ids, server, open } = tab();
    server.failure = away;
    const before = open();
    for (const words of ['1', '2']) before.send('a', text(words));
    const written = before.store.get().map(({ promptId }) => promptId);
    before.close();
    const after = open();
    expect(after.store.get().map(({ promptId, isKept }) => [promptId, isKept])).toEqual(
      written.map((id) => [id, true]),
    );
    server.failure = undefined;
    after.send('a', text('3'));
    await isEmpty(after);
    expect(arrived).toEqual(['a 1', 'a 2', 'a 3']);
    expect(ids.slice(0, 2)).toEqual(written);
    expect(storage.length).toBe(0);
  });

  it('stay with the reason if they are refused, do not block others, and can be dropped or sent again', async () => {
    const { arrived, refused, storage, open } = tab();
    const box = open();
    for (const words of ['bad', 'good']) box.send('a', text(words));
    await until(() => arrived.length === 1);
    expect(arrived).toEqual(['a good']);
    expect(box.store.get()).toMatchObject([{ state: 'refused', problem: 'content: is bad' }, { state: 'stored' }]);
    const promptId = box.store.get()[0]?.promptId ?? '';
    box.retry(promptId);
    await until(() => refused.length === 2);
    box.drop(promptId);
    expect([box.store.get().filter(isUnsent), storage.length]).toEqual([[], 0]);
  });

  it('WEB-72: are unsent again if the log was replaced by one that ends before them, and can be sent again', async () => {
    const { arrived, storage, open } = tab();
    const box = open();
    for (const chatId of ['a', 'b']) box.send(chatId, text('1'));
    await isEmpty(box);
    box.noteReset('a', 1);
    expect(box.store.get().map(({ state }) => state)).toEqual(['stored', 'stored']);
    box.noteReset('a', 0);
    const [lost, other] = box.store.get();
    expect([lost?.state, lost?.isKept, other?.state, storage.length]).toEqual(['refused', true, 'stored', 1]);
    box.retry(lost!.promptId);
    await isEmpty(box);
    expect([arrived, storage.length]).toEqual([['a 1', 'b 1', 'a 1'], 0]);
  });

  it('stay until the page shows their event, the last one of each chat', async () => {
    const { storage, open } = tab();
    const box = open();
    for (const words of ['1', '2']) box.send('a', text(words));
    box.send('b', text('3'));
    await isEmpty(box);
    expect(box.store.get()).toMatchObject([
      { chatId: 'a', content: text('2'), state: 'stored', seq: 1 },
      { chatId: 'b', content: text('3'), state: 'stored', seq: 1 },
    ]);
    expect(storage.length).toBe(0);
  });

  it('are sent again if they hang until the connection is back', async () => {
    const { arrived, server, open } = tab();
    const box = open();
    server.hangs = 1;
    box.send('a', text('1'));
    await until(() => server.hangs === 0);
    box.hurry();
    await isEmpty(box);
    expect(arrived).toEqual(['a 1']);
  });

  it('are marked if they do not fit into storage, and are still sent', async () => {
    const { storage, arrived, server, open } = tab();
    server.failure = away;
    const box = open();
    box.send('a', [{ type: 'image', mimeType: 'image/png', data: 'x'.repeat(3_900_000) }]);
    box.send('a', [{ type: 'image', mimeType: 'image/png', data: 'y'.repeat(200_000) }]);
    box.send('a', text('small'));
    expect(box.store.get().map(({ isKept }) => isKept)).toEqual([true, false, true]);
    expect(storage.length).toBe(2);
    server.failure = undefined;
    await isEmpty(box);
    expect(arrived).toEqual(['a image', 'a image', 'a small']);
  });

  it('are marked if the browser’s storage is full', () => {
    const { storage, server, open } = tab();
    server.failure = away;
    storage.setItem('somebody else', 'x'.repeat(4_999_000));
    const box = open();
    box.send('a', text('x'.repeat(2_000)));
    expect(box.store.get().map(({ isKept }) => isKept)).toEqual([false]);
  });

  it('are deleted when the user signs out, and invalid stored ones are discarded', () => {
    const { storage, server, open } = tab();
    server.failure = away;
    for (const bad of ['no json', '{}', 'null']) storage.setItem(`boocode.outbox.000000000001.${bad}`, bad);
    const box = open();
    expect([box.store.get(), storage.length]).toEqual([[], 0]);
    box.send('a', text('1'));
    box.clear();
    expect(storage.length).toBe(0);
  });
});
