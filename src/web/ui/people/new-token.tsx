import { type FormEvent, useState } from 'react';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { ShownOnce } from './shown-once.tsx';

const terms = [
  ['30 days', 30],
  ['90 days', 90],
  ['a year', 365],
  ['no end', 0],
] as const;

export function NewToken({ onMade }: { onMade: () => void }) {
  const { api } = useSession();
  const { attempt, isBusy, problem } = useAttempt();
  const [name, setName] = useState('');
  const [days, setDays] = useState<number>(90);
  const [token, setToken] = useState<string>();

  const make = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const made = await attempt(() =>
      api.createToken({ name: name.trim(), ...(days > 0 && { expiresInSeconds: days * 86_400 }) }),
    );
    if (!made) return;
    setToken(made.token);
    setName('');
    onMade();
  };

  if (token !== undefined) return <ShownOnce label="The token" text={token} onDone={() => setToken(undefined)} />;
  return (
    <form className="people-form" onSubmit={(event) => void make(event)}>
      <Problem text={problem} />
      <label>
        Name of the token
        <input value={name} maxLength={64} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        Valid for
        <select value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {terms.map(([words, count]) => (
            <option key={words} value={count}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <button disabled={isBusy || name.trim() === ''}>Create a token</button>
    </form>
  );
}
