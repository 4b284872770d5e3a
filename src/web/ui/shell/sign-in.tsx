import { type FormEvent, lazy, Suspense, useEffect, useState } from 'react';
import { findWays, type SignInWays, signInWithInvite, signInWithToken } from '../../state/sign-in.ts';
import { Logo } from '../parts/icon.tsx';
import { Problem } from '../parts/problem.tsx';

const PasskeySignIn = lazy(() => import('./passkey-sign-in.tsx'));

export function SignIn({ why, onSignedIn }: { why: string | undefined; onSignedIn: () => void }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState(why);
  const [isBusy, setBusy] = useState(false);
  const [{ provider, passkeys }, setWays] = useState<SignInWays>({});
  useEffect(() => void findWays().then(setWays), []);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const refused = await signInWithToken(token.trim());
    setBusy(false);
    setProblem(refused);
    if (refused === undefined) onSignedIn();
  };

  return (
    <main className="sign-in">
      <h1>
        <Logo /> BooCode
      </h1>
      <Problem text={problem} />
      {provider && (
        <a className="provider" href={provider.url}>
          Sign in with {provider.name}
        </a>
      )}
      {passkeys && (
        <Suspense>
          <PasskeySignIn onProblem={setProblem} onSignedIn={onSignedIn} />
        </Suspense>
      )}
      <p>
        Open a sign-in link. To create one, run <code>boocode link</code> on the server’s machine, or open Settings in a
        browser that is signed in. You can also paste the server’s token, which <code>boocode token --show</code>{' '}
        prints.
      </p>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          value={token}
          onChange={(event) => setToken(event.target.value)}
          required
        />
        <button className="primary" disabled={isBusy || token.trim() === ''}>
          {isBusy ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}

/** Somebody has followed an invitation without a name. */
export function Join({ invite, onSignedIn }: { invite: string; onSignedIn: () => void }) {
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const refused = await signInWithInvite(invite, name.trim());
    setBusy(false);
    setProblem(refused?.why);
    if (refused === undefined) onSignedIn();
  };

  return (
    <main className="sign-in">
      <h1>
        <Logo /> BooCode
      </h1>
      <Problem text={problem} />
      <p>You have been invited. What should the others here call you?</p>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor="name">Your name</label>
        <input id="name" autoComplete="name" value={name} onChange={(event) => setName(event.target.value)} required />
        <button className="primary" disabled={isBusy || name.trim() === ''}>
          {isBusy ? 'Joining …' : 'Join'}
        </button>
      </form>
    </main>
  );
}
