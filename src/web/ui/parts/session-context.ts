import { createContext, use } from 'react';
import type { Session } from '../../state/session.ts';

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('useSession needs a SessionContext around it.');
  return session;
}
