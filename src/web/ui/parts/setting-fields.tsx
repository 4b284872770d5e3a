import { lazy, Suspense } from 'react';
import type { Chat, SettingName } from '../../../protocol/chat.ts';
import { EffortField } from './effort-field.tsx';
import { EngineField } from './engine-field.tsx';
import { IdleField } from './idle-field.tsx';
import { ModelField } from './model-field.tsx';
import { PinField } from './pin-field.tsx';
import { useSession } from './session-context.ts';
import { useStore } from './use-store.ts';
import type { SettingsDraft } from './use-settings-draft.ts';

const BudgetField = lazy(async () => ({ default: (await import('../budgets/budget-field.tsx')).BudgetField }));

/** What the agent runs with: for a new chat as for an existing one. */
export function SettingFields({
  draft: { values, set },
  running,
  spentUsd,
}: {
  draft: SettingsDraft;
  /** The model in use. */
  running?: string | null | undefined;
  /** What the chat has cost. */
  spentUsd?: number;
}) {
  const info = useStore(useSession().info);
  return (
    <>
      <ModelField
        value={values.model ?? ''}
        running={running}
        onChange={(model) => set({ model: model.trim() === '' ? null : model })}
      />
      <EffortField value={values.effort ?? null} onChange={(effort) => set({ effort })} />
      {info && (
        <EngineField
          info={info}
          value={values.backend ?? info.defaultBackend}
          onChange={(backend) => set({ backend })}
        />
      )}
      <IdleField value={values.idleSeconds ?? null} onChange={(idleSeconds) => set({ idleSeconds })} />
      <Suspense>
        <BudgetField
          label="Budget in US dollars"
          value={values.budgetUsd ?? null}
          spentUsd={spentUsd}
          onChange={(budgetUsd) => set({ budgetUsd })}
        />
      </Suspense>
      <PinField value={values.host ?? null} onChange={(host) => set({ host })} />
    </>
  );
}

/** Whether an interrupted turn continues by itself. */
export function InterruptedField({ draft: { values, set } }: { draft: SettingsDraft }) {
  const info = useStore(useSession().info);
  const name = values.backend ?? info?.defaultBackend;
  const engine = info?.backends.find((backend) => backend.name === name);
  const isIgnored = values.onInterrupted === 'continue' && engine?.capabilities.continuesTurns === false;
  return (
    <>
      <label className="check">
        <input
          type="checkbox"
          checked={values.onInterrupted === 'continue'}
          onChange={(event) => set({ onInterrupted: event.target.checked ? 'continue' : 'stop' })}
        />
        When the server ends during a turn, continue it afterwards without asking: the agent may repeat what it was
        doing
      </label>
      {isIgnored && <p className="quiet">{`Turns on the ${engine.label} do not continue by themselves: they stop.`}</p>}
    </>
  );
}

type Toggle = { [N in SettingName]: Chat[N] extends boolean ? N : never }[SettingName];

export function SettingToggle({
  name,
  label,
  draft: { values, set },
  disabled = false,
}: {
  name: Toggle;
  label: string;
  draft: SettingsDraft;
  disabled?: boolean;
}) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={values[name] ?? false}
        disabled={disabled}
        onChange={(event) => set({ [name]: event.target.checked })}
      />
      {label}
    </label>
  );
}
