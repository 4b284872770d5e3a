/**
 * What must be seen before something can be allowed. Each part of a card registers itself, and counts as seen once its
 * end was in view: scrolled to in its own box, and in the page. A card also ignores input meant for what was in its place
 * before (`use-steady.ts`).
 */
import {
  type ButtonHTMLAttributes,
  createContext,
  type RefObject,
  use,
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';

interface Part {
  label: string;
  place: RefObject<HTMLElement | null>;
  /** Needed only for "Always allow". */
  isForAlways: boolean;
  /** Undefined until the browser has reported it. */
  isSeen?: boolean;
}

interface Gate {
  /** The card has been in its place for a moment. */
  isSteady: boolean;
  parts: ReadonlyMap<string, Part>;
  /** Sentences that say what is missing. */
  noteId: string;
  alwaysNoteId: string;
  add: (id: string, part: Part) => () => void;
  /** Whether the end is in view now. Once seen, a part stays seen. */
  tell: (id: string, isInSight: boolean) => void;
}

const GateContext = createContext<Gate | undefined>(undefined);
export const SeenGate = GateContext.Provider;

export function useSeenGate(isSteady = true): Gate {
  const [parts, setParts] = useState<ReadonlyMap<string, Part>>(new Map());
  const noteId = useId();
  const alwaysNoteId = useId();
  const add = useCallback((id: string, part: Part) => {
    setParts((now) => new Map(now).set(id, part));
    return () => setParts((now) => new Map([...now].filter(([each]) => each !== id)));
  }, []);
  const tell = useCallback((id: string, isInSight: boolean) => {
    setParts((now) => {
      const part = now.get(id);
      if (!part || part.isSeen === true || part.isSeen === isInSight) return now;
      return new Map(now).set(id, { ...part, isSeen: isInSight });
    });
  }, []);
  return useMemo(
    () => ({ isSteady, parts, noteId, alwaysNoteId, add, tell }),
    [isSteady, parts, noteId, alwaysNoteId, add, tell],
  );
}

const missingIn = (gate: Gate | undefined): Part[] =>
  [...(gate?.parts.values() ?? [])].filter((part) => part.isSeen !== true);
const isForAll = (part: Part): boolean => !part.isForAlways;

/** Whether all parts of the card were seen, and it accepts an answer. */
export function useCanAllow(): boolean {
  const gate = use(GateContext);
  return gate?.isSteady !== false && !missingIn(gate).some(isForAll);
}

/**
 * Registers a part that must be seen. It must be seen again when `of` changes. Its `SeenEnd` goes after its last
 * character.
 */
export function useJudged<E extends HTMLElement>(
  label: string,
  of: unknown,
  { isForAlways = false }: { isForAlways?: boolean } = {},
): { place: RefObject<E | null>; id: string } {
  const gate = use(GateContext);
  const add = gate?.add;
  const id = useId();
  const place = useRef<E>(null);
  // Before paint, so that no button is enabled for a moment.
  useLayoutEffect(() => add?.(id, { label, place, isForAlways }), [add, id, label, of, isForAlways]);
  return { place, id };
}

/** The end of a part; `isDrawn` once everything before it is in the page. */
export function SeenEnd({ id, of, isDrawn = true }: { id: string; of: unknown; isDrawn?: boolean }) {
  const tell = use(GateContext)?.tell;
  const end = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!end.current || !tell) return undefined;
    const observer = new IntersectionObserver((entries) =>
      tell(id, isDrawn && entries.some((entry) => entry.isIntersecting)),
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [tell, id, of, isDrawn]);
  return <span ref={end} className="seen-end" aria-hidden="true" />;
}

/** A button that answers without allowing anything. */
export function AnswerButton({ onClick, ...rest }: ButtonHTMLAttributes<HTMLButtonElement>) {
  const isSteady = use(GateContext)?.isSteady !== false;
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={!isSteady}
      onClick={(event) => {
        if (isSteady) onClick?.(event);
        else event.preventDefault();
      }}
    />
  );
}

/** A button that allows. Until everything was seen it does nothing, and explains why on focus. */
export function AllowButton({
  describedBy,
  isAlways = false,
  onClick,
  ...rest
}: { describedBy?: string; isAlways?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>) {
  const gate = use(GateContext);
  const missing = missingIn(gate).filter((part) => isAlways || isForAll(part));
  const ids = [
    missing.some(isForAll) && gate?.noteId,
    missing.some((part) => part.isForAlways) && gate?.alwaysNoteId,
    describedBy,
  ].filter((id) => typeof id === 'string');
  const canAllow = missing.length === 0 && gate?.isSteady !== false;
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={!canAllow}
      aria-describedby={ids.length === 0 ? undefined : ids.join(' ')}
      onClick={(event) => {
        if (canAllow) onClick?.(event);
        else event.preventDefault();
      }}
    />
  );
}

/** What has not been seen yet, with a button that scrolls to it. */
export function UnseenNote() {
  const gate = use(GateContext);
  // Say nothing until the browser has reported.
  const missing = missingIn(gate).filter((part) => part.isSeen === false);
  const [first] = missing;
  if (!gate || !first) return null;
  const forAll = missing.filter(isForAll);
  return (
    <p className="unseen-note">
      {forAll.length > 0 && (
        <span id={gate.noteId}>
          It can be allowed once the end of {forAll.map(({ label }) => `“${label}”`).join(', ')} has been in view.
        </span>
      )}{' '}
      {forAll.length < missing.length && (
        <span id={gate.alwaysNoteId}>“Always allow” waits until all that it means has been in view.</span>
      )}{' '}
      <button
        type="button"
        className="plain"
        onClick={() => {
          first.place.current?.scrollIntoView({ block: 'start' });
          first.place.current?.focus({ preventScroll: true });
        }}
      >
        Go there
      </button>
    </p>
  );
}
