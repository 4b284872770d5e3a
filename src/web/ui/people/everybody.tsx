import { type FormEvent, useState } from 'react';
import type { Invite, Me, Person } from '../../../protocol/people.ts';
import { readableLine } from '../../text/readable.ts';
import { whenText } from '../parts/format.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { ShownOnce } from './shown-once.tsx';
import { Sure } from './sure.tsx';

const roleWords = {
  viewer: 'viewer: reads',
  member: 'member: works in chats',
  owner: 'owner: does all',
} as const;
type Role = Person['role'];
const roles = Object.keys(roleWords) as Role[];

interface EverybodyProps {
  people: readonly Person[];
  invites: readonly Invite[];
  me: Me;
  isBusy: boolean;
  act: (work: () => Promise<unknown>) => Promise<void>;
  onChanged: () => void;
}

/** For owners: the people of the server, and invitations. */
export function Everybody({ people, invites, me, isBusy, act, onChanged }: EverybodyProps) {
  const { api } = useSession();
  return (
    <section aria-labelledby="everybody">
      <h2 id="everybody">Everybody</h2>
      <ul className="people-list">
        {people.map((person) => (
          <li key={person.id}>
            <div>
              <strong>{readableLine(person.name, 64)}</strong>
              {person.id === me.principal.id && ' (you)'}
              <p className="quiet">{factsOf(person)}</p>
            </div>
            {person.id === 'owner' ? (
              <span className="quiet">always an owner</span>
            ) : (
              <>
                <select
                  aria-label={`Role of ${readableLine(person.name, 64)}`}
                  value={person.role}
                  disabled={isBusy}
                  onChange={(event) => void act(() => api.patchPerson(person.id, { role: event.target.value as Role }))}
                >
                  {roles.map((role) => (
                    <option key={role} value={role}>
                      {roleWords[role]}
                    </option>
                  ))}
                </select>
                <Sure
                  action="Remove"
                  of={readableLine(person.name, 64)}
                  isBusy={isBusy}
                  onSure={() => void act(() => api.removePerson(person.id))}
                />
              </>
            )}
          </li>
        ))}
        {invites.map((invite) => (
          <li key={invite.id}>
            <div>
              <strong>{invite.name === null ? 'An invitation' : readableLine(invite.name, 64)}</strong>
              <p className="quiet">
                Invited as {invite.role} by {readableLine(invite.createdBy, 64)} · ends{' '}
                {new Date(invite.expiresAt).toLocaleDateString()}
              </p>
            </div>
            <button type="button" disabled={isBusy} onClick={() => void act(() => api.deleteInvite(invite.id))}>
              Withdraw
              <span className="visually-hidden"> the invitation {invite.name ?? ''}</span>
            </button>
          </li>
        ))}
      </ul>
      <InviteForm onMade={onChanged} />
    </section>
  );
}

function factsOf({ tokens, lastUsedAt }: Person): string {
  const count = `${tokens} ${tokens === 1 ? 'device or token' : 'devices and tokens'}`;
  return `${count}${lastUsedAt === null ? '' : ` · last used ${whenText(lastUsedAt)}`}`;
}

function InviteForm({ onMade }: { onMade: () => void }) {
  const { api } = useSession();
  const { attempt, isBusy, problem } = useAttempt();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('member');
  const [link, setLink] = useState<{ url: string; loopback: boolean }>();

  const invite = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const made = await attempt(() => api.createInvite({ role, ...(name.trim() !== '' && { name: name.trim() }) }));
    if (!made) return;
    setLink(made);
    setName('');
    onMade();
  };

  if (link) {
    return (
      <>
        {link.loopback && <p className="quiet">This link only works on the server’s own machine.</p>}
        <ShownOnce label="The link of the invitation" text={link.url} onDone={() => setLink(undefined)} />
      </>
    );
  }
  return (
    <form className="people-form" onSubmit={(event) => void invite(event)}>
      <Problem text={problem} />
      <label>
        Name, or they choose one
        <input value={name} maxLength={64} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        Role
        <select value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {roles.map((each) => (
            <option key={each} value={each}>
              {roleWords[each]}
            </option>
          ))}
        </select>
      </label>
      <button disabled={isBusy}>Invite</button>
    </form>
  );
}
