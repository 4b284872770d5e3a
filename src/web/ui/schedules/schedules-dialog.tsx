import { useCallback } from 'react';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { schedulesHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { NewSchedule } from './new-schedule.tsx';
import { ScheduleEntry } from './schedule-entry.tsx';
import { useSchedules } from './use-schedules.ts';
import './schedules.css';

/** A chat's prompts for later, and a form for another one. Loaded when it is opened. */
export default function SchedulesDialog({ chatId, onClose }: { chatId: string; onClose: () => void }) {
  const { api } = useSession();
  const list = useCallback(() => api.listChatSchedules(chatId).then(({ items }) => items), [api, chatId]);
  const { items, problem, put, drop } = useSchedules(list);
  return (
    <Dialog title="Schedules" onClose={onClose}>
      <p className="quiet">
        Prompts that are sent to this chat later, also while nobody is here.{' '}
        <a href={schedulesHref} onClick={onClose}>
          Those of all chats
        </a>
      </p>
      <Problem text={problem} />
      {items && items.length > 0 && (
        <ul className="schedules" aria-label="Schedules of this chat">
          {items.map((schedule) => (
            <ScheduleEntry
              key={schedule.id}
              schedule={schedule}
              isAmongChats={false}
              onChanged={put}
              onGone={() => drop(schedule.id)}
            />
          ))}
        </ul>
      )}
      <NewSchedule chatId={chatId} onMade={put} />
    </Dialog>
  );
}
