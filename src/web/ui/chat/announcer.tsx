import { useEffect, useRef, useState } from 'react';

const decisionWords = (count: number): string =>
  count === 1 ? 'A decision is waiting for you.' : `${count} decisions are waiting for you.`;

/**
 * Tells screen readers that a turn has ended or that something is waiting, not every word that streams. A new element
 * each time, because screen readers only speak changes.
 */
export function Announcer({ openTurn, waiting }: { openTurn: string | undefined; waiting: readonly { id: string }[] }) {
  const count = waiting.length;
  const ids = waiting.map(({ id }) => id).join(' ');
  const [said, setSaid] = useState({ nth: 0, words: '' });
  const lastTurn = useRef(openTurn);
  const lastWaiting = useRef('');
  useEffect(() => {
    const say = (words: string): void => setSaid(({ nth }) => ({ nth: nth + 1, words }));
    const wasOpen = lastTurn.current !== undefined;
    const isOpen = openTurn !== undefined;
    if (count > 0 && ids !== lastWaiting.current) say(decisionWords(count));
    else if (wasOpen !== isOpen)
      say(isOpen ? 'The agent is working.' : count > 0 ? 'The turn waits for your answer.' : 'The turn has ended.');
    // Nothing is waiting any more: clear the text for users who read it later.
    else if (count === 0 && lastWaiting.current !== '') say('');
    lastTurn.current = openTurn;
    lastWaiting.current = ids;
  }, [openTurn, count, ids]);
  return (
    <p className="visually-hidden" role="status">
      <span key={said.nth}>{said.words}</span>
    </p>
  );
}
