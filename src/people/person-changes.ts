/** What changes for a person, whether an owner says so or their identity provider: in force at once on this host. */
import type { Role } from '../protocol/principal.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import { endAccess, setPersonRole } from '../store/people.ts';
import type { Grants } from './grants.ts';

interface Parts {
  sql: Sql;
  grants: Pick<Grants, 'end'>;
}

/** False if there is no such person. */
export async function changeRole({ sql, grants }: Parts, id: string, role: Role): Promise<boolean> {
  if (!(await ask(() => setPersonRole(sql, id, role)))) return false;
  // Also what was opened with the former role.
  grants.end(({ principal }) => principal.id === id);
  return true;
}

/** The person stays, without anything that lets them in. */
export async function endAccessOf({ sql, grants }: Parts, id: string): Promise<void> {
  await ask(() => endAccess(sql, id));
  grants.end(({ principal }) => principal.id === id);
}
