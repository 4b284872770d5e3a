import { useEffect, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { waitWords } from '../../../protocol/wait-words.ts';
import { readableLine } from '../../text/readable.ts';

/** The current time, updated every second while needed. */
function useNow(isNeeded: boolean): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!isNeeded) return;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isNeeded]);
  return nowMs;
}

/** What the chat is waiting for, and for how long. Not announced, because it changes every second. */
export function WaitLine({ waitsFor }: { waitsFor: Chat['waitsFor'] }) {
  const nowMs = useNow(waitsFor !== null);
  if (!waitsFor) return null;
  const { text, what } = waitWords(waitsFor, nowMs);
  return (
    <p className="strip wait-line quiet">
      {readableLine(text, 300)}
      {what !== null && (
        <>
          : <bdi>{readableLine(what, 200)}</bdi>
        </>
      )}
    </p>
  );
}
