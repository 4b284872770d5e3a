import { describe, expect, it } from 'vitest';
import type { ChangeDiff, ChangedFile, ChangeList, DiffQuery, Since } from '../../client/client.ts';
import { BooError } from '../../protocol/error.ts';
import { until } from '../../../test/support/until.ts';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { isDiffOfList, openChangesView } from './changes-view.ts';
import { openChangesWatch } from './changes-watch.ts';
import { openSeenFiles } from './seen-files.ts';

const chatId = '00000000-0000-4000-8000-000000000001';
const base = { commit: 'c', takenAt: null, turnId: null };
const file = (path: string, content: string | null): ChangedFile => ({
  path,
  status: content === null ? 'deleted' : 'modified',
  added: 1,
  removed: 1,
  isBinary: false,
  isSubmodule: false,
  content,
});

/** A server whose working tree the test changes. Its answers wait while it is held. */
function openServer(files: ChangedFile[]) {
  const server = {
    files,
    /** Ignored files, and what is in them. */
    ignored: new Map([['.env', 'a']]),
    lists: [] as Since[],
    diffs: [] as string[],
    isVisible: true,
    held: [] as (() => void)[],
    holds: false,
  };
  const turn = (): Promise<void> =>
    server.holds ? new Promise((resolve) => void server.held.push(resolve)) : Promise.resolve();
  const api = {
    async changes(
      _: string,
      { since = 'start', ignored = false }: { since?: Since | undefined; ignored?: boolean | undefined } = {},
    ): Promise<ChangeList> {
      server.lists.push(since);
      const named = [...server.ignored.keys()].map((path) => ({ path }));
      const now = server.files;
      await turn();
      const tree = JSON.stringify(now);
      const rest = {
        isTruncated: false,
        leftOut: [],
        ...(ignored && { ignored: { files: named, isTruncated: false } }),
      };
      return { chatId, since, root: '/', base, tree, files: now, count: now.length, ...rest };
    },
    async changesDiff(_: string, query: DiffQuery = {}): Promise<ChangeDiff> {
      server.diffs.push(query.path ?? '');
      const hidden = query.ignored ? server.ignored.get(query.path!) : undefined;
      const of =
        hidden !== undefined
          ? { ...file(query.path!, hidden), status: 'added' as const }
          : ((JSON.parse(query.tree!) as ChangedFile[]).find(({ path }) => path === query.path) ?? null);
      await turn();
      const diff = `${of?.path} ${of?.content}`;
      return {
        chatId,
        since: query.since ?? 'start',
        base,
        tree: '',
        file: of,
        diff,
        isTruncated: false,
        isLossy: false,
      };
    },
  };
  const view = openChangesView({
    chatId,
    api,
    since: 'start',
    isVisible: () => server.isVisible,
    onUnauthorized: () => undefined,
  });
  return { server, api, view };
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('WEB-85: the Changes view', () => {
  it('reads the diff of the chosen file again only if that file has changed', async () => {
    const { server, view } = openServer([file('a', '1'), file('b', '1')]);
    view.refresh();
    await until(() => view.store.get().list !== undefined);
    view.choose('=a');
    await until(() => view.store.get().diff !== undefined);
    const before = view.store.get();
    view.refresh();
    await settled();
    // Not even the list is drawn again.
    expect(view.store.get().list).toBe(before.list);
    server.files = [file('a', '1'), file('b', '2')];
    view.refresh();
    await settled();
    expect([view.store.get().diff, server.diffs]).toEqual([before.diff, ['a']]);
    server.files = [file('a', '3')];
    view.refresh();
    await until(() => view.store.get().diff?.diff === 'a 3');
    expect([view.store.get().chosen, server.diffs]).toEqual(['=a', ['a', 'a']]);
    server.files = [];
    view.refresh();
    await until(() => view.store.get().diff === undefined);
    expect(view.store.get().chosen).toBe('=a');
  });

  it('reads nothing while nobody looks, and once afterwards', async () => {
    const { server, view } = openServer([]);
    server.isVisible = false;
    for (let count = 0; count < 3; count += 1) view.refresh();
    view.noteVisibility();
    await settled();
    expect(server.lists).toEqual([]);
    server.isVisible = true;
    view.noteVisibility();
    view.noteVisibility();
    await settled();
    expect(server.lists).toEqual(['start']);
    view.close();
    view.refresh();
    expect(server.lists).toEqual(['start']);
  });

  it('reads one list at a time, and once more if something happened meanwhile', async () => {
    const { server, view } = openServer([file('a', '1')]);
    server.holds = true;
    for (let count = 0; count < 5; count += 1) view.refresh();
    expect(server.lists.length).toBe(1);
    server.files = [file('a', '2')];
    server.holds = false;
    server.held[0]!();
    await until(() => view.store.get().list?.files[0]?.content === '2');
    expect(server.lists.length).toBe(2);
  });

  it('shows the file that was chosen last, whichever diff arrives first', async () => {
    const { server, view } = openServer([file('a', '1'), file('b', '1')]);
    view.refresh();
    await settled();
    view.choose('=b');
    await settled();
    server.holds = true;
    view.choose('=a');
    view.choose('=b');
    expect(view.store.get().diff?.diff).toBe('b 1');
    server.held[0]!();
    await settled();
    expect(view.store.get().diff?.diff).toBe('b 1');
  });

  it('compares with something else at once, and shows nothing of the former', async () => {
    const { server, view } = openServer([file('a', '1')]);
    view.refresh();
    await settled();
    server.holds = true;
    view.refresh();
    view.compare('head');
    expect([view.store.get().list, server.lists.at(-1)]).toEqual([undefined, 'head']);
    server.held.at(0)!();
    await settled();
    expect(view.store.get().list).toBeUndefined();
    server.held.at(1)!();
    await until(() => view.store.get().list?.since === 'head');
  });

  it('keeps what it has while the server is away, and says why', async () => {
    const { api, view } = openServer([file('a', '1')]);
    view.refresh();
    await settled();
    const changes = api.changes.bind(api);
    api.changes = () =>
      Promise.reject(new BooError('changes_unavailable', 'Slow.', { details: { reason: 'too_slow' } }));
    view.refresh();
    await settled();
    expect([view.store.get().problem?.details['reason'], view.store.get().list?.count]).toEqual(['too_slow', 1]);
    api.changes = changes;
    view.refresh();
    await settled();
    expect([view.store.get().problem, view.store.get().list?.files.length]).toEqual([undefined, 1]);
  });

  it('WEB-87: knows whether the diff shown is that of the list, whose changes can be discarded', async () => {
    const { server, api, view } = openServer([file('a', '1')]);
    const isOfList = (): boolean => isDiffOfList(view.store.get(), view.store.get().list!.files[0]!);
    view.refresh();
    await settled();
    view.choose('=a');
    expect(isOfList()).toBe(false);
    await settled();
    expect(isOfList()).toBe(true);
    // Another file is nothing to this one.
    server.files = [file('a', '1'), file('b', '1')];
    view.refresh();
    await settled();
    expect([view.store.get().list?.count, isOfList()]).toEqual([2, true]);

    const changesDiff = api.changesDiff.bind(api);
    api.changesDiff = () => Promise.reject(new BooError('changes_unavailable', 'Away.'));
    server.files = [file('a', '2')];
    view.refresh();
    await settled();
    // The old one is still shown.
    expect([view.store.get().diff?.diff, isOfList()]).toEqual(['a 1', false]);
    api.changesDiff = changesDiff;
    view.refresh();
    await until(() => view.store.get().diff?.diff === 'a 2');
    expect(isOfList()).toBe(true);
    server.holds = true;
    server.files = [file('a', '3')];
    view.refresh();
    server.held.shift()!();
    await settled();
    expect([view.store.get().list?.files[0]?.content, isOfList()]).toEqual(['3', false]);
  });
});

it('WEB-99: ignored files are named on request only, and what is in one is read again with each list', async () => {
  const { server, view } = openServer([file('a', '1')]);
  server.ignored.set('build/', '');
  view.refresh();
  await settled();
  expect(view.store.get().list?.ignored).toBeUndefined();
  view.showIgnored(true);
  await settled();
  expect(view.store.get().list?.ignored?.files).toEqual([{ path: '.env' }, { path: 'build/' }]);
  view.choose('!=.env');
  await until(() => view.store.get().diff?.diff === '.env a');
  const { diff } = view.store.get();
  view.refresh();
  await settled();
  expect([view.store.get().diff, server.diffs.length]).toEqual([diff, 2]);
  expect(view.store.get().diff).toBe(diff);
  server.ignored.set('.env', 'b');
  view.refresh();
  await until(() => view.store.get().diff?.diff === '.env b');
  // A directory has none, and a changed file of the same name is another one.
  view.choose('!=build/');
  view.choose('=.env');
  await settled();
  expect([view.store.get().diff, server.diffs.length]).toEqual([undefined, 3]);
  view.choose('!=.env');
  await until(() => view.store.get().diff !== undefined);
  view.showIgnored(false);
  await until(() => view.store.get().list?.ignored === undefined);
  expect(view.store.get().diff).toBeUndefined();
});

describe('WEB-85: the live news', () => {
  /** Each line can be ended, as by a refusal. */
  function openWatch() {
    const lines: { signal: AbortSignal; tell: () => void; refuse: () => void }[] = [];
    const state = { isVisible: true, news: 0, lines };
    async function* news(signal: AbortSignal): AsyncGenerator<undefined> {
      const line = { signal, tell: () => {}, refuse: () => {} };
      lines.push(line);
      signal.addEventListener('abort', () => line.refuse());
      for (;;) {
        await new Promise<void>((resolve, reject) => {
          line.tell = resolve;
          line.refuse = () => reject(new BooError('changes_unavailable', 'No repository.'));
        });
        yield undefined;
      }
    }
    const watch = openChangesWatch({
      watch: news,
      isVisible: () => state.isVisible,
      onNews: () => (state.news += 1),
    });
    const open = (): number => lines.filter(({ signal }) => !signal.aborted).length;
    return { state, watch, lines, open };
  }
  const at = (root: string, host?: string) => ({ root, host });

  it('are of the place where the chat works', async () => {
    const { state, watch, lines, open } = openWatch();
    watch.noteVisibility();
    for (const place of [at('/a'), at('/a', 'one'), at('/a'), at('/a', 'one')]) watch.noteList(place);
    expect(lines.length).toBe(1);
    lines[0]!.tell();
    await until(() => state.news === 1);
    watch.noteList(at('/a/worktree', 'one'));
    watch.noteList(at('/a/worktree', 'other'));
    await settled();
    expect([lines.length, open()]).toEqual([3, 1]);
    watch.close();
    watch.noteList(at('/a', 'one'));
    watch.noteVisibility();
    expect([lines.length, open()]).toEqual([3, 0]);
  });

  it('begin again with the next list after they were refused, and only while someone can see them', async () => {
    const { state, watch, lines } = openWatch();
    watch.noteVisibility();
    lines[0]!.refuse();
    await settled();
    expect(lines.length).toBe(1);
    watch.noteList(at('/a'));
    watch.noteList(at('/a'));
    expect(lines.length).toBe(2);
    state.isVisible = false;
    watch.noteVisibility();
    watch.noteList(at('/b'));
    expect([lines.length, lines[1]!.signal.aborted]).toEqual([2, true]);
    state.isVisible = true;
    watch.noteVisibility();
    watch.noteVisibility();
    expect([lines.length, lines[2]!.signal.aborted]).toEqual([3, false]);
  });
});

it('WEB-86: a seen mark lasts until the content changes, and says nothing about it', () => {
  const storage = memoryStorage(1_000_000);
  const seen = openSeenFiles(storage, chatId);
  seen.mark(file('secret-name', '1'), true);
  seen.mark(file('gone', null), true);
  const again = openSeenFiles(storage, chatId);
  expect(
    [file('secret-name', '1'), file('secret-name', '2'), file('other', '1'), file('gone', null)].map((each) =>
      again.has(each),
    ),
  ).toEqual([true, false, false, true]);
  expect(storage.getItem(storage.key(0)!)).not.toContain('secret');
  again.mark(file('secret-name', '1'), false);
  expect(openSeenFiles(storage, chatId).has(file('secret-name', '1'))).toBe(false);
  for (let chat = 0; chat < 60; chat += 1) openSeenFiles(storage, `chat-${chat}`).mark(file('a', '1'), true);
  expect(storage.length).toBe(50);
});
