import { useCallback, useEffect, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import type { Schedule } from '../../../protocol/schedule.ts';

export interface Schedules {
  items: readonly Schedule[] | undefined;
  problem: string | undefined;
  read: () => void;
  put: (schedule: Schedule) => void;
  drop: (id: string) => void;
}

/** Those due first are first, paused ones last. `read` must stay the same function. */
export function useSchedules(list: () => Promise<readonly Schedule[]>): Schedules {
  const [items, setItems] = useState<readonly Schedule[]>();
  const [problem, setProblem] = useState<string>();
  const read = useCallback((): void => {
    list().then(
      (found) => {
        setItems(found);
        setProblem(undefined);
      },
      (error: unknown) => setProblem(`The schedules could not be read. ${toBooError(error).message}`),
    );
  }, [list]);
  useEffect(read, [read]);
  const drop = (id: string): void => setItems((before) => before?.filter((each) => each.id !== id));
  const put = (schedule: Schedule): void =>
    setItems((before = []) => [...before.filter(({ id }) => id !== schedule.id), schedule].toSorted(byNext));
  return { items, problem, read, put, drop };
}

const byNext = (one: Schedule, other: Schedule): number =>
  (one.nextAt ?? '9').localeCompare(other.nextAt ?? '9') || one.id.localeCompare(other.id);
