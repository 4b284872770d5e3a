import { useEffect, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import type { WakeCost } from '../../../protocol/wake-cost.ts';
import { wakeWords } from '../../../protocol/wake-words.ts';
import { readableLine } from '../../text/readable.ts';
import { useSession } from '../parts/session-context.ts';

/** Timers cannot wait for longer than some weeks. */
const longestMs = 24 * 3_600_000;

/**
 * What the next prompt of a chat costs before it says anything: once the chat is cold, or its cache has ended. An agent that
 * was started ahead of the prompt makes it no cheaper.
 */
export default function WakeLine({ chat: { id, head, state } }: { chat: Chat }) {
  const { api } = useSession();
  const [cost, setCost] = useState<WakeCost>();
  const [looks, setLooks] = useState(0);
  useEffect(() => {
    let isWanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    api.wakeCost(id).then(
      (found) => {
        if (!isWanted) return;
        setCost(found);
        const { endsAt } = found.cache;
        if (found.cache.state !== 'live' || endsAt === null) return;
        timer = setTimeout(() => setLooks(looks + 1), Math.min(Date.parse(endsAt) - Date.now() + 1_000, longestMs));
      },
      // An older server does not know it.
      () => undefined,
    );
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [api, id, head, looks]);
  if (!cost || (state !== 'cold' && cost.cache.state !== 'ended')) return null;
  const words = wakeWords(cost, Date.now());
  return words === null ? null : <p className="strip wake-line quiet">{readableLine(words, 300)}</p>;
}
