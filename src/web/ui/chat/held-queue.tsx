import { lazy, Suspense } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { isParked } from '../../../protocol/is-parked.ts';
import type { Hold } from '../../../protocol/hold.ts';
import { useSession } from '../parts/session-context.ts';
import { readable } from '../../text/readable.ts';

const BudgetHold = lazy(() => import('../budgets/budget-hold.tsx'));

/** Why the queue is held, and how to resume it. */
export function HeldQueue({ chat, hold }: { chat: Chat; hold: Hold }) {
  const session = useSession();
  const change = async (request: () => Promise<Chat>): Promise<void> => {
    const changed = await session.attempt(request);
    if (changed) session.chats.put(changed);
  };
  const resume = (sendAgain?: boolean): void => void change(() => session.api.resumeQueue(chat.id, { sendAgain }));
  const { waiting } = chat;
  const count = waiting === 1 ? 'one prompt is waiting' : `${waiting} prompts are waiting`;
  const { resetsAt } = hold;
  const parked = isParked(hold);
  const hasReset = resetsAt !== null && Date.parse(resetsAt) <= Date.now();
  const time = resetsAt === null ? '' : localTime(resetsAt);
  const what = !parked ? 'Held' : hasReset ? `Parked; the limit has reset at ${time}` : `Parked until ${time}`;
  return (
    <section className="held-queue" aria-label={parked ? 'Usage limit' : 'Held prompts'} role="status">
      <p>
        <strong>{waiting === 0 ? `${what}.` : `${what}: ${count}.`}</strong> {readable(hold.message)}
        {resetsAt !== null && !parked && <> The limit resets at {time}.</>}
      </p>
      {(hold.promptId !== null || hold.continues) && <p className="quiet">{nextWords(hold)}</p>}
      {hold.budget ? (
        <Suspense>
          <BudgetHold chat={chat} budget={hold.budget} />
        </Suspense>
      ) : (
        <p className="held-choices">
          <button type="button" className="primary" onClick={() => resume()}>
            Resume
          </button>
          {hold.continues && (
            <button type="button" onClick={() => resume(false)}>
              Resume without it
            </button>
          )}
          {hold.promptId !== null && (
            <button type="button" onClick={() => resume(!hold.sendsAgain)}>
              {hold.sendsAgain ? 'Resume without it' : 'Send it again and resume'}
            </button>
          )}
          {resetsAt !== null && (
            <label>
              <input
                type="checkbox"
                checked={chat.resumeAtReset}
                onChange={(event) => {
                  const resumeAtReset = event.target.checked;
                  void change(() => session.api.patchChat(chat.id, { resumeAtReset }));
                }}
              />{' '}
              {parked ? 'Go on' : 'Resume'} automatically at the reset
            </label>
          )}
        </p>
      )}
    </section>
  );
}

function nextWords({ continues, sendsAgain }: Hold): string {
  if (continues) return 'The limit stopped a turn in its middle; resuming continues it.';
  return sendsAgain
    ? 'Resuming first sends the failed prompt again.'
    : 'The failed prompt had already started; resuming continues with the next one.';
}

/** With the date if it is not today. */
function localTime(iso: string): string {
  const time = new Date(iso);
  const isToday = time.toDateString() === new Date().toDateString();
  return time.toLocaleString(undefined, isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' });
}
