import { useState } from 'react';
import { signInWithPasskey, whyNoPasskeys } from '../../state/passkeys.ts';

interface PasskeySignInProps {
  onProblem: (why: string | undefined) => void;
  onSignedIn: () => void;
}

/** Loaded only where somebody has a passkey. */
export default function PasskeySignIn({ onProblem, onSignedIn }: PasskeySignInProps) {
  const [isBusy, setBusy] = useState(false);
  const why = whyNoPasskeys();
  if (why !== undefined) return <p>{why}</p>;
  const begin = async (): Promise<void> => {
    setBusy(true);
    onProblem(undefined);
    const refused = await signInWithPasskey();
    setBusy(false);
    onProblem(refused);
    if (refused === undefined) onSignedIn();
  };
  return (
    <button type="button" className="primary" disabled={isBusy} onClick={() => void begin()}>
      {isBusy ? 'Waiting for your device …' : 'Sign in with a passkey'}
    </button>
  );
}
