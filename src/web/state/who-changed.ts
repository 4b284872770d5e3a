/**
 * Who has changed each file. That takes the server more than the list itself, and one read waits for the other: so it is asked
 * for once the list is there, and never for more than about a quarter of the time. What is known stays until the next answer.
 */
import type { ChangedBy, ChangeList } from '../../client/client.ts';
import { type BooError, toBooError } from '../../protocol/error.ts';
import { fileKey } from '../text/tree-rows.ts';
import type { Api } from './api.ts';
import { createStore, type Store } from './store.ts';

export interface WhoChangedState {
  /** By the key of the file. */
  by: ReadonlyMap<string, ChangedBy>;
  /** What the files were compared with. */
  comparison: string | undefined;
  /** Why it could not be read, the last time. */
  problem: BooError | undefined;
}

export interface WhoChanged {
  readonly store: Store<WhoChangedState>;
  /** A list was read, which may be the same as before. `ended` is the last turn that has. */
  noteList(list: ChangeList, ended: string | undefined): void;
  /** It can be seen again, or no longer. */
  noteVisibility(): void;
  close(): void;
}

export interface WhoChangedOptions {
  chatId: string;
  api: Pick<Api, 'changes'>;
  isVisible: () => boolean;
  onUnauthorized: () => void;
}

/** Meanwhile the list is painted, and the state at the end of a turn recorded. */
const settleMs = 500;
const restPerWork = 3;
/** What is unknown may be recorded a moment later. */
const maxTries = 2;

export function openWhoChanged({ chatId, api, isVisible, onUnauthorized }: WhoChangedOptions): WhoChanged {
  const store = createStore<WhoChangedState>({ by: new Map(), comparison: undefined, problem: undefined });
  let wanted: { list: ChangeList; name: string; triesLeft: number } | undefined;
  let running: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let restUntil = 0;

  function plan(): void {
    clearTimeout(timer);
    if (running || !wanted || wanted.triesLeft === 0 || !isVisible()) return;
    timer = setTimeout(() => void ask(wanted!), Math.max(settleMs, restUntil - Date.now()));
  }

  async function ask(mine: NonNullable<typeof wanted>): Promise<void> {
    const { signal } = (running = new AbortController());
    const startedAt = Date.now();
    mine.triesLeft -= 1;
    try {
      const { since } = mine.list;
      const answer = await api.changes(chatId, { since, by: true }, { signal });
      if (signal.aborted) return;
      const by = new Map(answer.files.flatMap((file) => (file.by ? [[fileKey(file), file.by]] : [])));
      store.set({ by, comparison: comparisonOf(answer), problem: undefined });
      if (!answer.files.some((file) => file.by?.unknown)) mine.triesLeft = 0;
    } catch (error) {
      if (signal.aborted) return;
      mine.triesLeft = 0;
      const problem = toBooError(error);
      if (problem.code === 'unauthorized') onUnauthorized();
      store.update((state) => ({ ...state, problem }));
    }
    running = undefined;
    const now = Date.now();
    restUntil = now + restPerWork * (now - startedAt);
    plan();
  }

  return {
    store,
    noteList(list, ended) {
      const name = JSON.stringify([comparisonOf(list), list.tree, ended]);
      // After a failure it is asked for again, even of the same.
      const isSame = wanted?.name === name && !store.get().problem;
      wanted = isSame ? wanted : { list, name, triesLeft: list.files.length === 0 ? 0 : maxTries };
      plan();
    },
    noteVisibility: plan,
    close() {
      clearTimeout(timer);
      wanted = undefined;
      running?.abort();
    },
  };
}

/** Undefined of a file about which nothing is known yet, in this comparison. */
export function whoChanged(
  { by, comparison }: WhoChangedState,
  list: ChangeList | undefined,
): ReadonlyMap<string, ChangedBy> {
  return list && comparison === comparisonOf(list) ? by : none;
}

const none: ReadonlyMap<string, ChangedBy> = new Map();

const comparisonOf = ({ since, base, root }: ChangeList): string =>
  JSON.stringify([since, base.commit, base.takenAt, root]);
