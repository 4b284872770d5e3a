import { type ReactNode, useId } from 'react';
import type { AccessToken } from '../../../protocol/people.ts';
import { readableLine } from '../../text/readable.ts';
import { whenText } from '../parts/format.ts';
import { Sure } from './sure.tsx';

export interface TokensProps {
  title: string;
  none: string;
  items: readonly AccessToken[];
  isBusy: boolean;
  isOfOthers?: boolean;
  onRevoke: (token: AccessToken) => void;
  children?: ReactNode;
}

/** Tokens, without their secrets. */
export function Tokens({ title, none, items, isBusy, isOfOthers = false, onRevoke, children }: TokensProps) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {items.length === 0 && <p className="quiet">{none}</p>}
      {items.length > 0 && (
        <ul className="people-list">
          {items.map((token) => (
            <li key={token.id}>
              <div>
                <strong>{readableLine(token.name, 64)}</strong>
                {isOfOthers && ` of ${readableLine(token.personName, 64)}`}
                {token.isThis && ' (this browser)'}
                <p className="quiet">{factsOf(token)}</p>
              </div>
              <Sure
                action={token.kind === 'browser' ? 'Sign out' : 'Revoke'}
                of={readableLine(token.name, 64)}
                isBusy={isBusy}
                onSure={() => onRevoke(token)}
              />
            </li>
          ))}
        </ul>
      )}
      {children}
    </section>
  );
}

function factsOf({ kind, role, lastUsedAt, expiresAt, idleDays, createdAt }: AccessToken): string {
  return [
    kind === 'browser' ? 'Browser' : 'Token',
    role,
    lastUsedAt === null ? `made ${whenText(createdAt)}, not used yet` : `last used ${whenText(lastUsedAt)}`,
    ...(expiresAt === null ? [] : [`ends ${new Date(expiresAt).toLocaleDateString()}`]),
    ...(idleDays === null ? [] : [`ends after ${idleDays} days without use`]),
    ...(expiresAt === null && idleDays === null ? ['does not end by itself'] : []),
  ].join(' · ');
}
