// The program. What runs is the bundle that scripts/bundle.mjs makes of `boocode.ts`, which is this and nothing else.
import type { Cli } from './cli.ts';
import { runCli } from './run.ts';
import { openTerminal } from './terminal.ts';

const env = { ...process.env };
// Only DATABASE_URL selects the database; the driver would also read these variables, and fail on values it does not
// know.
for (const name of Object.keys(env)) if (name.startsWith('PG')) delete process.env[name];
const cli: Cli = { terminal: openTerminal(env), env, exitCode: 0 };
await runCli(cli, process.argv.slice(2));
process.exitCode = cli.exitCode;
