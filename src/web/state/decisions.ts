/**
 * What waits for a person, and what was settled since this tab looks: all of it as the live socket tells it. Of every
 * connection it tells first all that is pending; what waited before and is not among that was settled meanwhile.
 */
import type { Decision } from '../../protocol/decision.ts';
import { createStore, type Store } from './store.ts';

/** Nobody answers it any more, so nobody needs what it was about to do, which may be large. */
export type SettledDecision = Omit<Decision, 'input'>;

export interface DecisionsState {
  pending: ReadonlyMap<string, Decision>;
  /** The last ones, in the order in which they were heard of. */
  settled: readonly SettledDecision[];
}

export interface Decisions {
  readonly store: Store<DecisionsState>;
  /** A connection begins: what is pending will be told anew. */
  begin(): void;
  put(decision: Decision): void;
  /** All that is pending was told since `begin`. */
  endTelling(): void;
}

export interface DecisionsOptions {
  readonly onAsked: (decision: Decision) => void;
  readonly onSettled: (decision: Decision) => void;
  /** It was settled while there was no connection. */
  readonly onGone: (decisionId: string) => void;
}

const maxSettled = 100;

export function createDecisions({ onAsked, onSettled, onGone }: DecisionsOptions): Decisions {
  const store = createStore<DecisionsState>({ pending: new Map(), settled: [] });
  /** Of this connection, until all is told. */
  let told: Set<string> | undefined = new Set();
  return {
    store,
    begin() {
      told = new Set();
    },
    put(decision) {
      const { id } = decision;
      told?.add(id);
      const { pending, settled } = store.get();
      const isKnown = pending.has(id);
      if (decision.status === 'pending') {
        // An answer may be heard of before what it answers.
        if (settled.some((each) => each.id === id)) return;
        store.set({ settled, pending: new Map(pending).set(id, decision) });
        if (!isKnown) onAsked(decision);
      } else if (isKnown) {
        const { input: _, ...rest } = decision;
        store.set({ pending: without(pending, new Set([id])), settled: [...settled, rest].slice(-maxSettled) });
        onSettled(decision);
      }
    },
    endTelling() {
      const known = told;
      told = undefined;
      if (!known) return;
      const gone = new Set([...store.get().pending.keys()].filter((id) => !known.has(id)));
      if (gone.size === 0) return;
      store.update((state) => ({ ...state, pending: without(state.pending, gone) }));
      for (const id of gone) onGone(id);
    },
  };
}

const without = (pending: DecisionsState['pending'], ids: ReadonlySet<string>): DecisionsState['pending'] =>
  new Map([...pending].filter(([id]) => !ids.has(id)));
