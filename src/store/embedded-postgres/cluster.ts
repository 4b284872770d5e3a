import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { BooError } from '../../protocol/error.ts';
import { majorVersion, type PostgresBinaries } from './binaries.ts';
import { postgresCommand } from './command.ts';
import type { PostgresUser } from './user.ts';

const draftPrefix = 'cluster.new-';

/**
 * The cluster's directory, created at the first start. It is created under another name and renamed when complete, so
 * that an aborted first start leaves nothing that looks like a cluster.
 */
export async function openCluster(options: {
  home: string;
  binaries: PostgresBinaries;
  user: PostgresUser;
  passwordFile: string;
}): Promise<string> {
  const { home, binaries, user, passwordFile } = options;
  for (const name of readdirSync(home)) {
    // Retried: an initdb whose host was killed may keep running for a moment.
    if (name.startsWith(draftPrefix)) rmSync(join(home, name), { recursive: true, force: true, maxRetries: 5 });
  }
  const cluster = join(home, 'cluster');
  if (existsSync(cluster)) {
    assertVersion(cluster, majorVersion(binaries));
    return cluster;
  }
  const draft = join(home, draftPrefix + randomUUID());
  await runInitdb(user, binaries.initdb, [
    `--pgdata=${draft}`,
    '--username=boocode',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--data-checksums',
  ]);
  renameSync(draft, cluster);
  flushDirectory(home);
  return cluster;
}

/** No version of Postgres reads the files of another one, and the programs that convert them are not included. */
function assertVersion(cluster: string, ours: string): void {
  const file = join(cluster, 'PG_VERSION');
  const theirs = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  // Where one of them is not known, Postgres says itself what is wrong.
  if (theirs === '' || ours === '' || theirs === ours) return;
  throw new BooError(
    'config_invalid',
    `The database in ${cluster} was made by Postgres ${theirs}, and this BooCode has Postgres ${ours}, which cannot read it: run \`boocode backup\` with the BooCode that made it, and \`boocode restore\` with this one into another data directory.`,
    { details: { database: theirs, known: ours } },
  );
}

async function runInitdb(user: PostgresUser, initdb: string, args: readonly string[]): Promise<void> {
  const { command, args: allArgs, options } = postgresCommand(user, initdb, args, 'TERM');
  let failure: unknown;
  let complaint = '';
  try {
    const child = spawn(command, allArgs, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    const [ended, output] = await Promise.all([once(child, 'close'), text(child.stderr)]);
    if (ended[0] === 0) return;
    complaint = output;
  } catch (error) {
    failure = error;
    complaint = String(error);
  }
  const line = complaint.split('\n').find((one) => /error|fatal/i.test(one)) ?? complaint.trim();
  throw new BooError('storage_unavailable', `The embedded Postgres could not create its database: ${line}`, {
    cause: failure,
    details: { output: complaint.slice(-4000) },
  });
}

function flushDirectory(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
