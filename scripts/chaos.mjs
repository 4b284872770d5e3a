// @ts-check
// Kills, freezes and cuts off hosts while clients use them, and checks that nothing acknowledged is lost, doubled or
// reordered. docs/testing.md describes it.
import { join, resolve } from 'node:path';
import { runnerImport } from 'vite';
import { runChaosCommand } from './chaos-command.mjs';

const usage = `npm run chaos -- [options]

Starts several hosts on one Postgres, has clients use their chats, and meanwhile kills, freezes, stops, cuts off and
confuses the hosts and restarts the database. Afterwards an independent checker compares what the clients were told with
the logs. Uses the build in dist.

  --seed N         what happens, and when (default: a random one)
  --turns N        how many prompts are sent (150)
  --kills N        how many hosts are killed (4); the other faults are played in proportion, each at least once
  --hosts N        how many hosts there are (3)
  --races N        how many races between a stale writer and its successor are forced (10)
  --minutes N      begin nothing new after this long
  --only A,B       only these faults: FAULTS
  --network KIND   namespaces or proxies (default: namespaces where this user may create them)
  --strict         fail also if the 99th percentile of takeovers is over twenty seconds
  --keep           keep the run directory, also if nothing was found
  --json           print the report as JSON
  --help

Exit codes: 0 nothing was found, 1 something was, 2 the run could not be played, 130 interrupted.`;

const root = resolve(import.meta.dirname, '..');
process.chdir(root);
const { module: plan } = await runnerImport(join(root, 'test/chaos/fault-plan.ts'));
const help = usage.replace('FAULTS', plan.faultNames.join(', ').replace(/(.{50}\S*) /, '$1\n                   '));

await runChaosCommand({
  help,
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    turns: { type: 'string', default: '150' },
    kills: { type: 'string', default: '4' },
    hosts: { type: 'string', default: '3' },
    races: { type: 'string', default: '10' },
    minutes: { type: 'string' },
    only: { type: 'string' },
    network: { type: 'string' },
    strict: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
  read(values) {
    const number = (/** @type {string} */ name, least = 0) => {
      if (!/^\d{1,9}$/.test(values[name]) || Number(values[name]) < least)
        throw new Error(`--${name} must be a whole number from ${least}.`);
      return Number(values[name]);
    };
    const minutes = values.minutes === undefined ? null : Number(values.minutes);
    if (minutes !== null && !(minutes > 0)) throw new Error('--minutes must be a number above 0.');
    const only = values.only?.split(',') ?? null;
    const unknown = only?.find((/** @type {string} */ name) => !plan.faultNames.includes(name));
    if (unknown !== undefined) throw new Error(`--only: there is no fault ${unknown}.`);
    const { network, strict, keep } = values;
    if (network !== undefined && network !== 'namespaces' && network !== 'proxies')
      throw new Error('--network must be namespaces or proxies.');
    const counts = {
      seed: number('seed'),
      turns: number('turns', 1),
      kills: number('kills'),
      hosts: number('hosts', 1),
    };
    return { ...counts, races: number('races'), minutes, only, ...(network && { network }), strict, keep };
  },
  async play(given, run) {
    const { module } = await runnerImport(join(root, 'test/chaos/run-chaos.ts'));
    const { module: words } = await runnerImport(join(root, 'test/chaos/report-text.ts'));
    const report = await module.runChaos({
      ...given,
      tell: (/** @type {string} */ line) => run.tell(`${new Date().toISOString().slice(11, 19)} ${line}`),
      signal: run.signal,
    });
    return { report, text: words.reportText(report), isClean: report.problems.length === 0 };
  },
});
