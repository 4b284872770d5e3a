import { useId, useMemo } from 'react';
import { useStore } from './use-store.ts';
import { useSession } from './session-context.ts';

/** Names the agent resolves to the newest model of each kind. */
const aliases = ['opus', 'sonnet', 'haiku'];

/** Any model name. Suggests the usual aliases, and the models this server's chats use. */
export function ModelField({
  value,
  onChange,
  running,
}: {
  value: string;
  onChange: (model: string) => void;
  /** The model in use. */
  running?: string | null | undefined;
}) {
  const session = useSession();
  const id = useId();
  const chats = useStore(session.chats.store).byId;
  const known = useMemo(() => {
    const asked = [...chats.values()].flatMap(({ model }) => model ?? []);
    return [...new Set([...aliases, ...asked, ...(running ? [running] : [])])];
  }, [chats, running]);
  return (
    <label>
      Model
      <input
        value={value}
        maxLength={200}
        list={id}
        spellCheck={false}
        autoCapitalize="none"
        placeholder={running ? `The agent’s own choice: ${running}` : 'The agent’s own choice'}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={id}>
        {known.map((model) => (
          <option key={model} value={model} />
        ))}
      </datalist>
    </label>
  );
}
