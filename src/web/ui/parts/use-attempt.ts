import { useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { useSession } from './session-context.ts';

/** Runs the requests of a dialog and keeps their error for the dialog: the toasts behind it are out of reach. */
export function useAttempt(): {
  isBusy: boolean;
  problem: string | undefined;
  /** Resolves with undefined on failure. */
  attempt: <T>(this: void, work: () => Promise<T>) => Promise<T | undefined>;
} {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  return {
    isBusy,
    problem,
    async attempt(work) {
      setBusy(true);
      setProblem(undefined);
      try {
        return await work();
      } catch (error) {
        const { code, message } = toBooError(error);
        if (code === 'unauthorized') session.refuse();
        else setProblem(message);
        return undefined;
      } finally {
        setBusy(false);
      }
    },
  };
}
