import { useEffect, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { type WakeCost } from '../../../protocol/wake-cost.ts';
import { wakeWords } from '../../../protocol/wake-words.ts';
import { readableLine } from '../../text/readable.ts';
import { useSession } from '../parts/session-context.ts';

/** What the next prompt of a cold chat costs before it says anything. Read once: it is a hint, and times pass slowly. */
export default function WakeLine({ chat: { id, head } }: { chat: Chat }) {
  const { api } = useSession();
  const [cost, setCost] = useState<WakeCost>();
  useEffect(() => {
    let isWanted = true;
    api.wakeCost(id).then(
      (found) => isWanted && setCost(found),
      // An older server does not know it.
      () => undefined,
    );
    return () => {
      isWanted = false;
    };
  }, [api, id, head]);
  const words = cost && wakeWords(cost, Date.now());
  return words ? <p className="strip wake-line quiet">{readableLine(words, 300)}</p> : null;
}
