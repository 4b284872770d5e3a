#!/usr/bin/env node
import type { Cli } from './cli.ts';
import { runCli } from './run.ts';
import { openTerminal } from './terminal.ts';

const env = { ...process.env };
// What says which database is used is DATABASE_URL alone; the driver would also ask these, and fail where it does not know them.
for (const name of Object.keys(env)) if (name.startsWith('PG')) delete process.env[name];
const cli: Cli = { terminal: openTerminal(env), env, exitCode: 0 };
await runCli(cli, process.argv.slice(2));
process.exitCode = cli.exitCode;
