import { useId, useMemo } from 'react';
import { useStore } from './use-store.ts';
import { useSession } from './session-context.ts';

/** What the agent takes for the newest model of a kind. */
const aliases = ['opus', 'sonnet', 'haiku'];

/** Any model by its name. Offered are the usual short names, and what this server's chats ask for or run on. */
export function ModelField({
  value,
  onChange,
  running,
}: {
  value: string;
  onChange: (model: string) => void;
  /** The model that answers now. */
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
