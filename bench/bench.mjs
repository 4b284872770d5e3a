// `npm run bench`: how much BooCode adds to the SDK, and how much a warm chat saves. See docs/benchmarks.md.
import { parseArgs } from 'node:util';
import { currentLoad, describeMachine } from './machine.mjs';
import { openPlace } from './place.mjs';
import { runRounds } from './rounds.mjs';
import { judge, judgedTable, writeTable } from './table.mjs';

const help = `Usage: npm run bench -- [options]

Compares the raw SDK's warm query, BooCode over HTTP and SSE, and a new \`claude -p --resume\` per turn, all on the
scripted demo model, interleaved in one run. Prints one table with medians, ratios and goals.

Options:
  --rounds <number>   how many rounds (default: 15); each takes one sample of every cold start, three of every warm turn
  --json              print every sample as JSON instead of the table
  --write             also put the table into docs/benchmarks.md
  --cpu-prof <dir>    write CPU profiles of the servers there; profiling costs time, so such a run is not a measurement
  --help              this text

BOOCODE_BENCH_DIST names another build than dist/ to measure.
`;

async function main() {
  const options = readArguments();
  if (options === null) return;
  const progress = (text) => process.stderr.write(`${text}\n`);
  const made = describeMachine(options.rounds);
  const place = await openPlace({ cpuProfDir: options.cpuProfDir });
  const stop = (signal) => {
    progress(`Stopped by ${signal}: cleaning up.`);
    void place.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  let measured;
  try {
    measured = await runRounds(place, { rounds: options.rounds, progress });
  } finally {
    await place.close();
  }
  const report = { made: { ...made, loadAfter: currentLoad() }, ...judge(measured), samples: measured };
  const table = judgedTable(report);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${table}\n`);
  if (options.write) progress(`Written to ${writeTable(table)}.`);
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '15' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return null;
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
    throw new TypeError('--rounds: must be a whole number from 1 to 1000.');
  }
  return { rounds, json: values.json, write: values.write, cpuProfDir: values['cpu-prof'] ?? null };
}

main().catch((error) => {
  console.error(error instanceof TypeError ? error.message : error);
  process.exitCode = 1;
});
