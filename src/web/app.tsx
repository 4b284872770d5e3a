import { useEffect, useRef, useState } from 'react';
import { openSession, type Session } from './state/session.ts';
import {
  enterTab,
  forgetToken,
  hasLeft,
  readSignInNews,
  signInWithCode,
  storedToken,
  takeCode,
  wasRefused,
} from './state/sign-in.ts';
import { onWake } from './state/on-wake.ts';
import { SessionContext } from './ui/parts/session-context.ts';
import { Shell } from './ui/shell/shell.tsx';
import { SignIn } from './ui/shell/sign-in.tsx';

type Door =
  | { state: 'opening' }
  | { state: 'shut'; why?: string | undefined }
  | { state: 'open'; token: string; loginSession: string; session: Session };

export function App() {
  const [door, setDoor] = useState<Door>({ state: 'opening' });
  /** The one session that is open: a link that is opened in a tab that is signed in makes another. */
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
      // Another tab may have signed in with a newer one.
      if (storedToken() === null) setDoor({ state: 'shut', why });
      else enter();
    });
    opened.current = session;
    setDoor({ state: 'open', token, loginSession, session });
  };

  useEffect(() => {
    const open = async (): Promise<void> => {
      const code = takeCode();
      const why = code === null ? undefined : await signInWithCode(code);
      if (why !== undefined && storedToken() === null) setDoor({ state: 'shut', why });
      else enter();
    };
    // A link that is opened in a tab that is here already changes the fragment only.
    const onHash = (): void => {
      if (location.hash.startsWith('#code=')) void open();
    };
    void open();
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  }, []);

  // One tab signs in and out for all of them.
  useEffect(() => {
    const onStorage = (event: StorageEvent): void => {
      const news = readSignInNews(event);
      if (news === 'signed in' && storedToken() !== (door.state === 'open' ? door.token : null)) enter();
      else if (door.state === 'open' && news === 'signed out') door.session.signOut();
      else if (door.state === 'open' && news === 'refused') door.session.refuse();
    };
    addEventListener('storage', onStorage);
    // One that was frozen was told nothing.
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
  if (door.state === 'shut') return <SignIn why={door.why} onSignedIn={enter} />;
  return (
    <SessionContext value={door.session}>
      {/* The next login session must see nothing of this one, not even the text in a field. */}
      <Shell key={door.loginSession} />
    </SessionContext>
  );
}
