import type { SpawnOptions } from 'node:child_process';
import { withDeathSignal } from '../../lib/process-identity.ts';
import type { PostgresUser } from './user.ts';

/** How a Postgres program is started: as its user, and ended by `signal` when this host dies. */
export function postgresCommand(
  user: PostgresUser,
  program: string,
  args: readonly string[],
  signal: 'TERM' | 'INT',
): { command: string; args: string[]; options: SpawnOptions } {
  // Changing the user clears the death signal, so it is set afterwards.
  const inner = withDeathSignal(program, args, signal);
  const [command = '', ...rest] = [...user.prefix, inner.command, ...inner.args];
  return {
    command,
    args: rest,
    options: {
      // Ctrl-C in a terminal goes to the whole foreground group, but the database must outlive the host's last writes.
      detached: true,
      // The user's PG… variables would change what Postgres does.
      env: { LC_ALL: 'C', TZ: 'UTC' },
      cwd: '/',
    },
  };
}
