#!/usr/bin/env node
import type { Cli } from './cli.ts';
import { runCli } from './run.ts';
import { openTerminal } from './terminal.ts';

const { env } = process;
const cli: Cli = { terminal: openTerminal(env), env, exitCode: 0 };
await runCli(cli, process.argv.slice(2));
process.exitCode = cli.exitCode;
