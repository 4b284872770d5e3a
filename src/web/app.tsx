import { useEffect, useRef, useState } from 'react';
import { openSession, type Session } from './state/session.ts';
import {
  enterTab,
  forgetToken,
  hasLeft,
  readSignInNews,
  signInWithCode,
  signInWithInvite,
  storedToken,
  takeCode,
  takeInvite,
  wasRefused,
} from './state/sign-in.ts';
import { onWake } from './state/on-wake.ts';
import { SessionContext } from './ui/parts/session-context.ts';
import { Shell } from './ui/shell/shell.tsx';
import { Join, SignIn } from './ui/shell/sign-in.tsx';

type Door =
  | { state: 'opening' }
  | { state: 'shut'; why?: string | undefined }
  /** By a link that leaves the choice of a name. */
  | { state: 'invited'; invite: string }
  | { state: 'open'; token: string; loginSession: string; session: Session };

export function App() {
  const [door, setDoor] = useState<Door>({ state: 'opening' });
  /** The open session. Opening a sign-in link in a tab that is already signed in replaces it. */
  const opened = useRef<Session>(undefined);

  const enter = (): void => {
    opened.current?.close();
    opened.current = undefined;
    const loginSession = enterTab();
    const token = storedToken();
    if (token === null) return setDoor({ state: 'shut' });
    const session = openSession(token, (why) => {
      session.close();
      forgetToken(token, why !== undefined);
      // Another tab may have stored a newer token.
      if (storedToken() === null) setDoor({ state: 'shut', why });
      else enter();
    });
    opened.current = session;
    setDoor({ state: 'open', token, loginSession, session });
  };

  useEffect(() => {
    const open = async (): Promise<void> => {
      const code = takeCode();
      const invite = takeInvite();
      const problem = invite === null ? undefined : await signInWithInvite(invite);
      if (invite !== null && problem?.isName) return setDoor({ state: 'invited', invite });
      const why = problem?.why ?? (code === null ? undefined : await signInWithCode(code));
      if (why !== undefined && storedToken() === null) setDoor({ state: 'shut', why });
      else enter();
      return undefined;
    };
    // Opening a link in an existing tab only changes the fragment.
    const onHash = (): void => {
      if (/^#(?:code|invite)=/.test(location.hash)) void open();
    };
    void open();
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  }, []);

  // Signing in or out in one tab applies to all of them.
  useEffect(() => {
    const onStorage = (event: StorageEvent): void => {
      const news = readSignInNews(event);
      if (news === 'signed in' && storedToken() !== (door.state === 'open' ? door.token : null)) enter();
      else if (door.state === 'open' && news === 'signed out') door.session.signOut({ isElsewhere: true });
      else if (door.state === 'open' && news === 'refused') door.session.refuse();
    };
    addEventListener('storage', onStorage);
    // A frozen tab receives no storage events.
    const stopWaking = onWake(() => {
      if (door.state !== 'open' || !hasLeft(door.token)) return;
      if (wasRefused()) door.session.refuse();
      else enter();
    });
    return () => {
      removeEventListener('storage', onStorage);
      stopWaking();
    };
  }, [door]);

  if (door.state === 'opening') return <p className="quiet-page">Opening BooCode …</p>;
  if (door.state === 'invited') return <Join invite={door.invite} onSignedIn={enter} />;
  if (door.state === 'shut') return <SignIn why={door.why} onSignedIn={enter} />;
  return (
    <SessionContext value={door.session}>
      {/* The next login session must see nothing of this one, not even the text in a field. */}
      <Shell key={door.loginSession} />
    </SessionContext>
  );
}
