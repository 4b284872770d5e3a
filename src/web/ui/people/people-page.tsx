import { useCallback, useEffect, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import type { Passkey } from '../../../protocol/passkey.ts';
import type { AccessToken, Invite, Me, Person } from '../../../protocol/people.ts';
import { useSession } from '../parts/session-context.ts';
import { Problem } from '../parts/problem.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { PageFrame } from '../worktrees/page-frame.tsx';
import { takeOwnSession } from '../../state/sign-in.ts';
import { Everybody } from './everybody.tsx';
import { NewToken } from './new-token.tsx';
import { Passkeys } from './passkeys.tsx';
import { Tokens } from './tokens.tsx';
import './people.css';

interface Found {
  me: Me;
  tokens: AccessToken[];
  passkeys: Passkey[];
  /** For owners only. */
  people: Person[];
  invites: Invite[];
}

/** Who may use the server, and by what. Whoever is no owner sees only what is theirs. Loaded when it is opened. */
export default function PeoplePage() {
  const { api } = useSession();
  const [found, setFound] = useState<Found>();
  const { attempt, isBusy, problem } = useAttempt();
  const [unread, setUnread] = useState<string>();
  const read = useCallback(async (): Promise<void> => {
    try {
      const me = await api.me();
      const isOwner = me.principal.role === 'owner';
      const [tokens, passkeys, people, invites] = await Promise.all([
        api.listTokens({ everyone: isOwner }),
        api.listPasskeys({ everyone: isOwner }),
        isOwner ? api.listPeople() : [],
        isOwner ? api.listInvites() : [],
      ]);
      setFound({ me, tokens, passkeys, people, invites });
      setUnread(undefined);
    } catch (error) {
      setUnread(`This could not be read. ${toBooError(error).message}`);
    }
  }, [api]);
  useEffect(() => void read(), [read]);

  const act = async (work: () => Promise<unknown>): Promise<void> => {
    await attempt(work);
    await read();
  };
  const revoke = (tokens: readonly AccessToken[]): void =>
    void act(() => Promise.all(tokens.map(({ id }) => api.revokeToken(id))));
  if (!found) {
    return (
      <PageFrame title="People">
        <Problem text={unread} />
        {unread === undefined ? <p role="status">Loading …</p> : <button onClick={() => void read()}>Try again</button>}
      </PageFrame>
    );
  }
  const { me, tokens, passkeys, people, invites } = found;
  const own = tokens.filter(({ personId }) => personId === me.principal.id);
  const devices = own.filter(({ kind }) => kind === 'browser');
  const others = devices.filter(({ isThis }) => !isThis);
  return (
    <PageFrame title="People">
      <div className="people">
        <Problem text={problem ?? unread} />
        <p className="quiet">
          You are {me.principal.name}, with the role {me.principal.role}.
        </p>
        {me.principal.role === 'owner' && (
          <Everybody
            people={people}
            invites={invites}
            me={me}
            isBusy={isBusy}
            act={act}
            onChanged={() => void read()}
          />
        )}
        <Tokens
          title="Your devices"
          none="No browser has signed in for you by a link."
          items={devices}
          isBusy={isBusy}
          onRevoke={(token) => revoke([token])}
        >
          {me.token === null && (
            <p className="quiet">
              This browser uses the server’s own token, which does not end by itself.{' '}
              <button type="button" disabled={isBusy} onClick={() => void attempt(takeOwnSession)}>
                Sign in as a device instead
              </button>
            </p>
          )}
          {others.length > 1 && (
            <button type="button" disabled={isBusy} onClick={() => revoke(others)}>
              Sign out all other devices
            </button>
          )}
        </Tokens>
        <Passkeys items={passkeys} me={me} isBusy={isBusy} act={act} onAdded={() => void read()} />
        <Tokens
          title="Your tokens"
          none="You have none. Programs and the command line use them."
          items={own.filter(({ kind }) => kind === 'token')}
          isBusy={isBusy}
          onRevoke={(token) => revoke([token])}
        >
          <NewToken onMade={() => void read()} />
        </Tokens>
        {me.principal.role === 'owner' && (
          <Tokens
            title="Devices and tokens of others"
            none="Nobody else has any."
            items={tokens.filter(({ personId }) => personId !== me.principal.id)}
            isBusy={isBusy}
            isOfOthers
            onRevoke={(token) => revoke([token])}
          />
        )}
      </div>
    </PageFrame>
  );
}
