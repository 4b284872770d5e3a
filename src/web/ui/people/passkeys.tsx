import { type FormEvent, useId, useState } from 'react';
import type { Passkey } from '../../../protocol/passkey.ts';
import type { Me } from '../../../protocol/people.ts';
import { makePasskey, whyNoPasskeys } from '../../state/passkeys.ts';
import { readableLine } from '../../text/readable.ts';
import { whenText } from '../parts/format.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { Sure } from './sure.tsx';

interface PasskeysProps {
  items: readonly Passkey[];
  me: Me;
  isBusy: boolean;
  act: (work: () => Promise<unknown>) => Promise<void>;
  onAdded: () => void;
}

/** One's own first; owners see those of others, too. */
export function Passkeys({ items, me, isBusy, act, onAdded }: PasskeysProps) {
  const { api } = useSession();
  const id = useId();
  const isOwn = ({ personId }: Passkey): boolean => personId === me.principal.id;
  const sorted = [...items.filter(isOwn), ...items.filter((item) => !isOwn(item))];
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>Passkeys</h2>
      {items.length === 0 && (
        <p className="quiet">There are none. With one, this page opens with your fingerprint, face or PIN.</p>
      )}
      {items.length > 0 && (
        <ul className="people-list">
          {sorted.map((passkey) => (
            <li key={passkey.id}>
              <div>
                <strong>{readableLine(passkey.name, 64)}</strong>
                {!isOwn(passkey) && ` of ${readableLine(passkey.personName, 64)}`}
                <p className="quiet">{factsOf(passkey)}</p>
              </div>
              <Sure
                action="Remove"
                of={readableLine(passkey.name, 64)}
                isBusy={isBusy}
                onSure={() => void act(() => api.removePasskey(passkey.id))}
              />
            </li>
          ))}
        </ul>
      )}
      <NewPasskey me={me} onAdded={onAdded} />
    </section>
  );
}

function factsOf({ role, site, createdAt, lastUsedAt }: Passkey): string {
  const used = lastUsedAt === null ? 'not used yet' : `last used ${whenText(lastUsedAt)}`;
  return `${role} · for ${site} · made ${whenText(createdAt)} · ${used}`;
}

function NewPasskey({ me, onAdded }: { me: Me; onAdded: () => void }) {
  const { api } = useSession();
  const { attempt, isBusy, problem } = useAttempt();
  const [name, setName] = useState('');
  const ends = me.token !== null && me.token.expiresAt !== null;
  const why = ends
    ? 'This sign-in ends at a set time, so it cannot add a passkey, which does not end.'
    : whyNoPasskeys();
  if (why !== undefined) return <p className="quiet">{why}</p>;

  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const isAdded = await attempt(async () => {
      await makePasskey(api, name.trim());
      return true;
    });
    if (!isAdded) return;
    setName('');
    onAdded();
  };
  return (
    <form className="people-form" onSubmit={(event) => void add(event)}>
      <Problem text={problem} />
      <label>
        Name of the passkey
        <input value={name} maxLength={64} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      </label>
      <button disabled={isBusy || name.trim() === ''}>{isBusy ? 'Waiting for your device …' : 'Add a passkey'}</button>
    </form>
  );
}
