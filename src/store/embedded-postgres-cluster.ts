import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { withDeathSignal } from '../lib/process-identity.ts';
import { BooError } from '../protocol/error.ts';
import type { PostgresBinaries } from './embedded-postgres-binaries.ts';
import type { PostgresUser } from './embedded-postgres-user.ts';

/**
 * The cluster's directory, made at the first start. It is made under another name and renamed when whole, so that a
 * first start that was cut off leaves nothing that looks like a cluster.
 */
export async function createCluster(options: {
  home: string;
  binaries: PostgresBinaries;
  user: PostgresUser;
  passwordFile: string;
}): Promise<string> {
  const { home, binaries, user, passwordFile } = options;
  const cluster = join(home, 'cluster');
  for (const name of readdirSync(home)) {
    // An initdb whose host died may still be at it for a moment.
    if (name.startsWith('cluster.new-')) rmSync(join(home, name), { recursive: true, force: true, maxRetries: 5 });
  }
  if (existsSync(cluster)) return cluster;
  const draft = join(home, `cluster.new-${randomUUID()}`);
  await run(user, binaries.initdb, [
    ...['--pgdata', draft, '--username', 'boocode', '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--data-checksums'],
  ]);
  renameSync(draft, cluster);
  flushDirectory(home);
  return cluster;
}

/** What our own processes need of the environment: no `PG…` variable of the user's may reach them. */
export function postgresEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };
}

/** The command as that user, ended with its host. */
export function commandAs(
  user: PostgresUser,
  program: string,
  args: readonly string[],
  signal: 'TERM' | 'INT',
): { command: string; args: string[] } {
  const inner = withDeathSignal(program, args, signal);
  const [command = '', ...rest] = [...user.prefix, inner.command, ...inner.args];
  return { command, args: rest };
}

async function run(user: PostgresUser, program: string, args: readonly string[]): Promise<void> {
  const command = commandAs(user, program, args, 'TERM');
  const child = spawn(command.command, command.args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: postgresEnvironment(),
    detached: true,
  });
  const ended = new Promise<number | null>((settle, fail) => {
    child.once('error', fail);
    child.once('close', settle);
  });
  const [status, complaint] = await Promise.all([ended, text(child.stderr)]).catch((cause: unknown) => {
    throw new BooError('storage_unavailable', `The embedded Postgres cannot be started: ${String(cause)}`, { cause });
  });
  if (status === 0) return;
  throw new BooError('storage_unavailable', `The embedded Postgres cannot make its database: ${lastLine(complaint)}`, {
    details: { output: complaint.slice(-4000) },
  });
}

function lastLine(output: string): string {
  const lines = output.split('\n').filter((line) => /error|fatal/i.test(line));
  return (lines[0] ?? output.trim().split('\n').at(-1) ?? '').trim();
}

function flushDirectory(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
