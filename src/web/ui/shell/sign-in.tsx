import { type FormEvent, useState } from 'react';
import { signInWithToken } from '../../state/sign-in.ts';
import { Logo } from '../parts/icons.tsx';

export function SignIn({ why, onSignedIn }: { why: string | undefined; onSignedIn: () => void }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState(why);
  const [isBusy, setBusy] = useState(false);

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
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <p>
        Open the sign-in link that the server prints when it starts, or paste its token here. <code>boocode token</code>{' '}
        prints it too.
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
