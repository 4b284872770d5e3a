import { useState } from 'react';
import { type BooError, toBooError } from '../../../protocol/error.ts';
import { useSession } from './session-context.ts';

/** Runs the requests of a dialog and keeps their error for the dialog: the toasts behind it are out of reach. */
export function useAttempt(): {
  isBusy: boolean;
  problem: string | undefined;
  /** Of the problem. */
  details: BooError['details'] | undefined;
  /** Resolves with undefined on failure. */
  attempt: <T>(this: void, work: () => Promise<T>) => Promise<T | undefined>;
} {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<BooError>();
  return {
    isBusy,
    problem: problem?.message,
    details: problem?.details,
    async attempt(work) {
      setBusy(true);
      setProblem(undefined);
      try {
        return await work();
      } catch (error) {
        const found = toBooError(error);
        if (found.code === 'unauthorized') session.refuse();
        else setProblem(found);
        return undefined;
      } finally {
        setBusy(false);
      }
    },
  };
}
