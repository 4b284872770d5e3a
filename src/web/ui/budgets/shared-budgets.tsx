import { type FormEvent, useEffect, useState } from 'react';
import type { Budgets } from '../../../protocol/budget.ts';
import { toBooError } from '../../../protocol/error.ts';
import { BudgetField } from './budget-field.tsx';
import { Problem } from '../parts/problem.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';

/** What all chats together may spend. */
export default function SharedBudgets() {
  const session = useSession();
  const [budgets, setBudgets] = useState<Budgets>();
  const [edits, setEdits] = useState<{ dayUsd?: number | null; serverUsd?: number | null }>({});
  const [isSaved, setSaved] = useState(false);
  const [unread, setUnread] = useState<string>();
  const { attempt, problem, isBusy } = useAttempt();
  useEffect(() => {
    session.api.getBudgets().then(setBudgets, (error: unknown) => setUnread(toBooError(error).message));
  }, [session]);
  const edit = (some: typeof edits): void => {
    setSaved(false);
    setEdits({ ...edits, ...some });
  };
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const changed = await attempt(() => session.api.patchBudgets(edits));
    if (!changed) return;
    setBudgets(changed);
    setEdits({});
    setSaved(true);
  };
  return (
    <fieldset>
      <legend>Budgets of all chats</legend>
      <Problem text={unread ?? problem} />
      {budgets && (
        <form onSubmit={(event) => void submit(event)}>
          <BudgetField
            label="On a day, in US dollars"
            value={edits.dayUsd === undefined ? budgets.day.limitUsd : edits.dayUsd}
            spentUsd={budgets.day.spentUsd}
            onChange={(dayUsd) => edit({ dayUsd })}
          />
          <BudgetField
            label="Ever, in US dollars"
            value={edits.serverUsd === undefined ? budgets.server.limitUsd : edits.serverUsd}
            spentUsd={budgets.server.spentUsd}
            onChange={(serverUsd) => edit({ serverUsd })}
          />
          <button disabled={isBusy || Object.keys(edits).length === 0}>Save budgets</button>
          {isSaved && <span role="status"> Saved.</span>}
        </form>
      )}
    </fieldset>
  );
}
