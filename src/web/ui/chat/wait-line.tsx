import type { Chat } from '../../../protocol/chat.ts';
import { waitWords } from '../../../protocol/wait-words.ts';
import { readableLine } from '../../text/readable.ts';
import { useNow } from '../parts/use-now.ts';

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
