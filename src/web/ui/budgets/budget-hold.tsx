import { type FormEvent, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import type { SpentBudget } from '../../../protocol/budget.ts';
import { BudgetField } from './budget-field.tsx';
import { useSession } from '../parts/session-context.ts';

const names = { chat: 'Budget of this chat', day: 'Budget of all chats today', server: 'Budget of all chats' } as const;

/** What a person can do about a spent budget. */
export default function BudgetHold({ chat, budget }: { chat: Chat; budget: SpentBudget }) {
  const session = useSession();
  const [limitUsd, setLimit] = useState<number | null>(roundUp(Math.max(budget.spentUsd, budget.limitUsd) * 1.5));
  const change = async (to: number | null): Promise<void> => {
    if (budget.of !== 'chat') {
      await session.attempt(() => session.api.patchBudgets(budget.of === 'day' ? { dayUsd: to } : { serverUsd: to }));
      return;
    }
    const changed = await session.attempt(() => session.api.patchChat(chat.id, { budgetUsd: to }));
    if (changed) session.chats.put(changed);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void change(limitUsd);
  };
  return (
    <form className="held-choices" onSubmit={submit}>
      <BudgetField label={`${names[budget.of]} in US dollars`} value={limitUsd} onChange={setLimit} />
      <button className="primary" disabled={limitUsd !== null && !(limitUsd > budget.spentUsd)}>
        Raise and go on
      </button>
      <button type="button" onClick={() => void change(null)}>
        Remove the budget
      </button>
    </form>
  );
}

/** To a round amount. */
function roundUp(usd: number): number {
  const step = usd < 1 ? 0.1 : usd < 10 ? 1 : 5;
  return Number((Math.ceil(usd / step) * step).toFixed(2));
}
