import { useCallback } from 'react';
import type { BooClient } from '../../../client/client.ts';
import type { Schedule } from '../../../protocol/schedule.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { PageFrame } from '../worktrees/page-frame.tsx';
import { ScheduleEntry } from './schedule-entry.tsx';
import { useSchedules } from './use-schedules.ts';
import './schedules.css';

/** More than anybody reads. */
const mostPages = 10;

async function listAll(api: BooClient): Promise<Schedule[]> {
  const items: Schedule[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < mostPages; pages += 1) {
    const page = await api.listSchedules({ after, limit: 200 });
    items.push(...page.items);
    if (page.next === null) break;
    after = page.next;
  }
  return items;
}

/** What is scheduled in all chats. Loaded when it is opened. */
export default function SchedulesPage() {
  const { api } = useSession();
  const list = useCallback(() => listAll(api), [api]);
  const { items, problem, read, put, drop } = useSchedules(list);
  return (
    <PageFrame title="Schedules">
      <div className="schedules-intro">
        <p className="quiet">
          Prompts that are sent later, by people or by agents. To make one, open a chat and choose Schedules in its
          menu.
        </p>
        <button type="button" onClick={read}>
          Read again
        </button>
      </div>
      <Problem text={problem} />
      {!items && problem === undefined && <p role="status">Loading …</p>}
      {items?.length === 0 && <p className="quiet">Nothing is scheduled.</p>}
      {items && items.length > 0 && (
        <ul className="schedules" aria-label="Schedules of all chats">
          {items.map((schedule) => (
            <ScheduleEntry
              key={schedule.id}
              schedule={schedule}
              isAmongChats
              onChanged={put}
              onGone={() => drop(schedule.id)}
            />
          ))}
        </ul>
      )}
    </PageFrame>
  );
}
