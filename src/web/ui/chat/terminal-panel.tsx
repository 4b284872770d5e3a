import { useEffect, useRef, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { runTerminal } from '../../terminal/run-terminal.ts';
import { type TerminalKey, terminalKeys } from '../../terminal/terminal-keys.ts';
import { useLiveState } from '../parts/use-live-state.ts';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';
import { useMedia } from '../parts/use-media.ts';

type State = { words: string; isOver: boolean };

/**
 * Calls back when the server is reachable again. The terminal's connection was lost with it but may not know: nothing
 * arrives on it unless the program draws.
 */
function useReturn(onReturn: () => void): void {
  const state = useLiveState();
  const wasAway = useRef(false);
  const call = useRef(onReturn);
  call.current = onReturn;
  useEffect(() => {
    if (state === 'offline') wasAway.current = true;
    if (state !== 'open' || !wasAway.current) return;
    wasAway.current = false;
    call.current();
  }, [state]);
}

/** The agent's own terminal, next to its chat. Loaded when it is first opened. */
export default function TerminalPanel({ chatId, onClose }: { chatId: string; onClose: () => void }) {
  const { api } = useSession();
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<State>({ words: 'Connecting …', isOver: false });
  const press = useRef<(key: TerminalKey) => void>(undefined);
  const isTouched = useMedia('(pointer: coarse)');
  const [attempt, setAttempt] = useState(0);
  const hasEnded = useRef(false);
  useReturn(() => {
    if (!hasEnded.current) setAttempt((count) => count + 1);
  });

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const abort = new AbortController();
    setState({ words: 'Connecting …', isOver: false });
    hasEnded.current = false;
    runTerminal(element, (size) => api.terminal(chatId, { size }), {
      signal: abort.signal,
      onOpen(pressKey) {
        press.current = pressKey;
        setState({ words: '', isOver: false });
      },
    }).then(
      (reason) => {
        if (abort.signal.aborted) return;
        hasEnded.current = true;
        setState({ words: reason, isOver: true });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setState({ words: toBooError(error).message, isOver: true });
      },
    );
    return () => abort.abort();
  }, [api, chatId, attempt]);

  return (
    <aside className="terminal-panel" aria-label="Terminal">
      <header className="page-head">
        <h2>Terminal</h2>
        <button className="icon-button" aria-label="Close the terminal" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {state.words !== '' && (
        <p className="terminal-state" role="status">
          {state.words} {state.isOver && <button onClick={() => setAttempt(attempt + 1)}>Open it again</button>}
        </p>
      )}
      <div ref={place} className="terminal-place" />
      {isTouched && state.words === '' && (
        <div className="terminal-keys" role="toolbar" aria-label="Keys">
          {terminalKeys.map(({ name, label }) => (
            <button
              key={name}
              type="button"
              aria-label={label}
              // The terminal keeps focus, so a phone keeps its keyboard open.
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => press.current?.(name)}
            >
              {name}
            </button>
          ))}
        </div>
      )}
    </aside>
  );
}
