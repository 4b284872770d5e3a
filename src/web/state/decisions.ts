/**
 * Decisions waiting for an answer, and those settled since the tab was opened, as reported by the live socket. Every new
 * connection starts by listing all pending decisions; one that was pending before and is not in that list was settled
 * meanwhile.
 */
import type { Decision } from '../../protocol/decision.ts';
import { createStore, type Store } from './store.ts';

/** A settled decision no longer needs its input, which may be large. */
export type SettledDecision = Omit<Decision, 'input'>;

export interface DecisionsState {
  pending: ReadonlyMap<string, Decision>;
  /** The most recent ones, in order of arrival. */
  settled: readonly SettledDecision[];
}

export interface Decisions {
  readonly store: Store<DecisionsState>;
  /** A connection starts: all pending decisions will be listed again. */
  beginList(): void;
  put(decision: Decision): void;
  /** The chat was deleted, and its decisions with it. */
  removeChat(chatId: string): void;
  /** The list that started with `beginList` is complete. */
  endList(): void;
}

export interface DecisionsOptions {
  readonly onAsked: (decision: Decision) => void;
  readonly onSettled: (decision: Decision) => void;
  /** The decision was settled while the socket was disconnected. */
  readonly onGone: (decisionId: string) => void;
}

const maxSettled = 100;

export function createDecisions({ onAsked, onSettled, onGone }: DecisionsOptions): Decisions {
  const store = createStore<DecisionsState>({ pending: new Map(), settled: [] });
  /** The pending decisions of this connection, until the list is complete. */
  let listed: Set<string> | undefined = new Set();

  function remove(gone: ReadonlySet<string>): void {
    if (gone.size === 0) return;
    store.update((state) => ({ ...state, pending: without(state.pending, gone) }));
    for (const id of gone) onGone(id);
  }

  return {
    store,
    beginList() {
      listed = new Set();
    },
    put(decision) {
      const { id } = decision;
      listed?.add(id);
      const { pending, settled } = store.get();
      const isKnown = pending.has(id);
      if (decision.status === 'pending') {
        // The settled decision may arrive before the pending one.
        if (settled.some((each) => each.id === id)) return;
        store.set({ settled, pending: new Map(pending).set(id, decision) });
        if (!isKnown) onAsked(decision);
      } else if (isKnown) {
        const { input: _, ...rest } = decision;
        store.set({ pending: without(pending, new Set([id])), settled: [...settled, rest].slice(-maxSettled) });
        onSettled(decision);
      }
    },
    removeChat(chatId) {
      const { pending } = store.get();
      remove(new Set([...pending.values()].filter((each) => each.chatId === chatId).map(({ id }) => id)));
    },
    endList() {
      const known = listed;
      listed = undefined;
      if (known) remove(new Set([...store.get().pending.keys()].filter((id) => !known.has(id))));
    },
  };
}

const without = (pending: DecisionsState['pending'], ids: ReadonlySet<string>): DecisionsState['pending'] =>
  new Map([...pending].filter(([id]) => !ids.has(id)));
