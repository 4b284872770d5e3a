import { useEffect, useState } from 'react';
import type { Schedule } from '../../../protocol/schedule.ts';
import { whenText } from '../parts/format.ts';
import { useSession } from '../parts/session-context.ts';
import './schedules.css';

/** Says that a chat has schedules, and when the next one is due. `news` changes whenever the log says something of them. */
export default function ScheduleMark({ chatId, news, onOpen }: { chatId: string; news: string; onOpen: () => void }) {
  const { api } = useSession();
  const [items, setItems] = useState<readonly Schedule[]>([]);
  useEffect(() => {
    let isWanted = true;
    api.listChatSchedules(chatId).then(
      (found) => isWanted && setItems(found.items),
      () => undefined,
    );
    return () => {
      isWanted = false;
    };
  }, [api, chatId, news]);
  if (items.length === 0) return null;
  const next = items.find(({ nextAt }) => nextAt !== null)?.nextAt;
  const count = items.length === 1 ? '1 schedule' : `${items.length} schedules`;
  return (
    <button type="button" className="plain schedule-mark" onClick={onOpen}>
      {count}
      {next ? `, next ${whenText(next)}` : ', paused'}
    </button>
  );
}
