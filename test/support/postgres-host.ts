import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { identifyProcess, type ProcessIdentity } from '../../src/lib/process-identity.ts';

export type PostgresHostChild = ChildProcessByStdio<Writable, Readable, null>;

/** Starts a separate process that opens the embedded Postgres. `module` is the compiled embedded-postgres. */
export function spawnPostgresHost(
  module: string,
  dataDir: string,
  options: { uid?: number; path?: string } = {},
): PostgresHostChild {
  const script = fileURLToPath(new URL('postgres-host.mjs', import.meta.url));
  return spawn(process.execPath, [script, module, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Readable by that user, unlike perhaps the current directory.
    cwd: '/',
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    ...(options.path !== undefined && { env: { ...process.env, PATH: options.path } }),
  });
}

/** The host's first message: where its server is, or why there is none. */
export async function hostAnswer(host: PostgresHostChild): Promise<Record<string, unknown>> {
  const [line] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
  return JSON.parse(line) as Record<string, unknown>;
}

/** The server of a host that opened. */
export async function hostServer(host: PostgresHostChild): Promise<{ url: string; server: ProcessIdentity }> {
  const answer = await hostAnswer(host);
  const server = typeof answer['pid'] === 'number' ? identifyProcess(answer['pid']) : null;
  if (server === null) throw new Error(`The host did not open: ${JSON.stringify(answer)}`);
  return { url: String(answer['url']), server };
}
