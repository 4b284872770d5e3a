/**
 * What the Changes view of a chat holds. It reads the list when asked to, but only while someone can see it, and never twice
 * at once; and the diff of the chosen file, again only if the list says that it is another one now.
 */
import type { ChangeDiff, ChangedFile, ChangeList, DiffQuery, Since } from '../../client/client.ts';
import { type BooError, toBooError } from '../../protocol/error.ts';
import { ignoredKey, isFolder } from '../text/ignored-rows.ts';
import { fileKey } from '../text/tree-rows.ts';
import type { Api } from './api.ts';
import { createStore, type Store } from './store.ts';

export interface ChangesState {
  since: Since;
  /** Whether the list is to name what the repository ignores. */
  isWithIgnored: boolean;
  /** Of `since`; undefined until it is read. */
  list: ChangeList | undefined;
  /** Why the list could not be read, the last time. */
  problem: BooError | undefined;
  isReading: boolean;
  /** The key of the chosen file, which may be an ignored one. */
  chosen: string | undefined;
  /** Of the chosen file, as soon as it is read. */
  diff: ChangeDiff | undefined;
  diffProblem: BooError | undefined;
}

export interface ChangesView {
  readonly store: Store<ChangesState>;
  compare(since: Since): void;
  /** Names what the repository ignores, or no longer. */
  showIgnored(isWithIgnored: boolean): void;
  choose(key: string | undefined): void;
  /** Reads the list again, as soon as it can be seen. */
  refresh(): void;
  /** It can be seen again, or no longer. */
  noteVisibility(): void;
  close(): void;
}

export interface ChangesViewOptions {
  chatId: string;
  api: Pick<Api, 'changes' | 'changesDiff'>;
  since: Since;
  isWithIgnored?: boolean;
  isVisible: () => boolean;
  onUnauthorized: () => void;
  /** It was read, even if it is the same as before. */
  onList?: (list: ChangeList) => void;
}

const keptDiffs = 40;

export function openChangesView(options: ChangesViewOptions): ChangesView {
  const { chatId, api, since, isWithIgnored = false, isVisible, onUnauthorized, onList } = options;
  const store = createStore<ChangesState>({
    since,
    isWithIgnored,
    list: undefined,
    problem: undefined,
    isReading: false,
    chosen: undefined,
    diff: undefined,
    diffProblem: undefined,
  });
  const set = (part: Partial<ChangesState>): void => store.update((value) => ({ ...value, ...part }));
  const diffs = new Map<string, ChangeDiff>();
  let reading: AbortController | undefined;
  let readingDiff: { name: string; abort: AbortController } | undefined;
  let isDue = false;
  let isClosed = false;

  const failed = (error: unknown): BooError => {
    const problem = toBooError(error);
    if (problem.code === 'unauthorized') onUnauthorized();
    return problem;
  };

  async function read(): Promise<void> {
    if (isClosed || reading || !isVisible()) return;
    isDue = false;
    const mine = (reading = new AbortController());
    const { since: asked, isWithIgnored: ignored } = store.get();
    set({ isReading: true });
    try {
      const query = { since: asked, ...(ignored && { ignored }) };
      const list = await api.changes(chatId, query, { signal: mine.signal });
      if (mine.signal.aborted) return;
      const before = store.get().list;
      // Nothing is drawn again if nothing has changed.
      set({ problem: undefined, ...(before && isSame(before, list) ? {} : { list }) });
      readDiff();
      onList?.(list);
    } catch (error) {
      if (!mine.signal.aborted) set({ problem: failed(error) });
    } finally {
      if (reading === mine) {
        reading = undefined;
        set({ isReading: false });
        if (isDue) void read();
      }
    }
  }

  function readDiff(): void {
    const { list, chosen } = store.get();
    if (!list || chosen === undefined) return;
    const file = list.files.find((each) => fileKey(each) === chosen);
    const ignored = file ? undefined : list.ignored?.files.find((each) => ignoredKey(each) === chosen);
    const name = file ? nameOf(list, file) : ignored && chosen;
    if (readingDiff && readingDiff.name === name) return;
    readingDiff?.abort.abort();
    readingDiff = undefined;
    const shown = file ?? ignored;
    if (!shown || name === undefined || (ignored && isFolder(ignored)))
      return set({ diff: undefined, diffProblem: undefined });
    const known = diffs.get(name);
    if (known) return set({ diff: known, diffProblem: undefined });
    const mine = { name, abort: new AbortController() };
    readingDiff = mine;
    // The old one stays until the new one is here: choosing another file has removed it.
    const path = shown.pathBytes === undefined ? { path: shown.path } : { pathBytes: shown.pathBytes };
    const query: DiffQuery = { since: list.since, tree: list.tree, ...path, ...(ignored && { ignored: true }) };
    const { signal } = mine.abort;
    api.changesDiff(chatId, query, { signal }).then(
      (found) => {
        if (signal.aborted) return;
        readingDiff = undefined;
        // No list says when the content of an ignored file is another one.
        if (!ignored) diffs.set(name, found);
        for (const oldest of [...diffs.keys()].slice(0, -keptDiffs)) diffs.delete(oldest);
        const { diff } = store.get();
        set({ diff: diff && JSON.stringify(diff) === JSON.stringify(found) ? diff : found, diffProblem: undefined });
      },
      (error: unknown) => {
        if (signal.aborted) return;
        readingDiff = undefined;
        set({ diffProblem: failed(error) });
      },
    );
  }

  function readAnew(part: Partial<ChangesState>): void {
    reading?.abort();
    reading = undefined;
    isDue = true;
    set(part);
    void read();
  }

  return {
    store,
    compare(next) {
      if (store.get().since === next) return;
      readingDiff?.abort.abort();
      readingDiff = undefined;
      readAnew({ since: next, list: undefined, problem: undefined, diff: undefined, diffProblem: undefined });
    },
    showIgnored(next) {
      if (store.get().isWithIgnored === next) return;
      readAnew({ isWithIgnored: next });
    },
    choose(key) {
      if (store.get().chosen === key) return;
      set({ chosen: key, diff: undefined, diffProblem: undefined });
      readDiff();
    },
    refresh() {
      isDue = true;
      void read();
    },
    noteVisibility() {
      if (isDue) void read();
    },
    close() {
      isClosed = true;
      reading?.abort();
      readingDiff?.abort.abort();
    },
  };
}

/** What is shown of this file: of an earlier list, until that of this one is here. */
export function shownDiff({ diff }: ChangesState, file: ChangedFile): ChangeDiff | undefined {
  return diff?.file && fileKey(diff.file) === fileKey(file) ? diff : undefined;
}

/** That, of the newest state in which it is the same: the server does not keep states for ever. */
export function shownChange(state: ChangesState, file: ChangedFile): ChangeDiff | undefined {
  const diff = shownDiff(state, file);
  return diff && state.list && isDiffOfList(state, file) ? { ...diff, tree: state.list.tree } : diff;
}

/** Whether the diff shown is that of the list: only then do both count the same hunks. */
export function isDiffOfList({ list, diff, diffProblem }: ChangesState, file: ChangedFile): boolean {
  if (!list || !diff?.file || diffProblem || file.content === null) return false;
  return nameOf(diff, diff.file) === nameOf(list, file);
}

/** The same name, the same diff. */
function nameOf(
  { since, base, tree }: Pick<ChangeList, 'since' | 'base' | 'tree'>,
  { content, status, oldPath, isBinary, ...file }: ChangedFile,
): string {
  const is = content ?? (status === 'deleted' ? 'deleted' : tree);
  return JSON.stringify([since, base.commit, base.takenAt, fileKey(file), status, oldPath, isBinary, is]);
}

function isSame(one: ChangeList, other: ChangeList): boolean {
  return one.since === other.since && one.tree === other.tree && JSON.stringify(one) === JSON.stringify(other);
}
