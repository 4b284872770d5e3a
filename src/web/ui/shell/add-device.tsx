import { useState } from 'react';
import type { SignInLink } from '../../../protocol/info.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { useSession } from '../parts/session-context.ts';

interface Made {
  link: SignInLink;
  /** The dark squares of the QR code, row by row. */
  code: boolean[][];
}

/** A one-time link that signs in another browser, also shown as a QR code. */
export function AddDevice() {
  const session = useSession();
  const [made, setMade] = useState<Made>();
  const [isBusy, setBusy] = useState(false);

  const make = async (): Promise<void> => {
    setBusy(true);
    const next = await session.attempt(async () => {
      // The encoder is loaded on demand.
      const [link, { default: encode }] = await Promise.all([session.api.makeSignInLink(), import('qr')]);
      return { link, code: encode(link.url, 'raw', { ecc: 'low', border: 2 }) };
    });
    setBusy(false);
    if (next) setMade(next);
  };

  return (
    <section aria-labelledby="add-device">
      <h3 id="add-device">Add a device</h3>
      {made && <Shown made={made} />}
      <button type="button" disabled={isBusy} onClick={() => void make()}>
        {made ? 'Create another link' : 'Create a sign-in link'}
      </button>
    </section>
  );
}

function Shown({ made: { link, code } }: { made: Made }) {
  const until = new Date(link.expiresAt).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return (
    <>
      <p className="quiet">
        It signs in one browser, once, until {until}. Whoever has it acts as you: show it to nobody else.
      </p>
      {link.loopback && (
        <p className="quiet">
          This address only works on the server’s own machine, or through a tunnel to it. For other devices, start the
          server with an address they can reach: <code>--public-origin https://boo.example.org</code>.
        </p>
      )}
      <div className="sign-in-link">
        <QrCode rows={code} />
        <input aria-label="Sign-in link" readOnly value={link.url} onFocus={(event) => event.target.select()} />
        <CopyButton what="the sign-in link" text={() => link.url} className="copy" />
      </div>
    </>
  );
}

function QrCode({ rows }: { rows: boolean[][] }) {
  const squares = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return (
    <svg className="qr" viewBox={`0 0 ${rows.length} ${rows.length}`} role="img" aria-label="The link as a QR code">
      <path d={squares.join('')} />
    </svg>
  );
}
