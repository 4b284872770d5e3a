// Feeds every parser of outside input with random values: `npm run fuzz -- [--cases 1000000] [--seed 7] [--workers 2]`.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    seed: { type: 'string' },
    workers: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write(`npm run fuzz -- [--cases <number>] [--seed <number>] [--workers <number>]

Every parser of input from outside gets random values (test/fuzz/targets.ts), at least a million in all, in as many
processes as there are cores. How far it is is told every ten seconds. The seed is told at the end and with a failure,
whose smallest value is shown; the same seed makes the same values, in however many processes.
`);
  process.exit(0);
}
const cases = Number(values.cases ?? 1_000_000);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const workers = Number(values.workers ?? availableParallelism());
if (![cases, workers].every((each) => Number.isSafeInteger(each) && each > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('--cases, --seed and --workers must be whole numbers.\n');
  process.exit(2);
}
const tellEveryMs = 10_000;
/** A case that is not awaited cannot be interrupted from inside. */
const silentMs = 120_000;
// There are more than 180 parsers.
const runs = Math.ceil(cases / 180);
const begun = Date.now();

const all = Array.from({ length: workers }, (_, share) => start(share));
const timer = setInterval(() => {
  tell();
  for (const each of all) {
    // To load the modules can take minutes where much else runs.
    if (each.isOver || each.heardAt === null || Date.now() - each.heardAt < silentMs) continue;
    each.output.push(`“${each.name}” has not answered for ${silentMs / 1000} seconds: a case of it hangs.\n`);
    kill(each.child);
  }
}, tellEveryMs);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const { child } of all) kill(child);
    process.exit(130);
  });
}
const codes = await Promise.all(all.map(({ over }) => over));
clearInterval(timer);
tell();
for (const { output, code } of all) if (code !== 0) process.stderr.write(output.join(''));
const isFine = codes.every((code) => code === 0);
process.stdout.write(
  `Seed ${seed}, ${runs} cases for each parser, ${seconds()} seconds: ${isFine ? 'nothing found' : 'see above'}.\n`,
);
process.exitCode = isFine ? 0 : 1;

function start(share) {
  const child = spawn(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      'test/fuzz.test.ts',
      ...(share === 0 ? ['test/fuzz-coverage.test.ts'] : []),
    ],
    {
      env: {
        ...process.env,
        BOOCODE_FUZZ_RUNS: String(runs),
        BOOCODE_FUZZ_SEED: String(seed),
        BOOCODE_FUZZ_SHARE: `${share}/${workers}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it has started ends with it.
      detached: true,
    },
  );
  const worker = { child, name: 'The start', done: 0, heardAt: null, output: [], isOver: false, code: null };
  createInterface({ input: child.stdout }).on('line', (line) => worker.output.push(`${line}\n`));
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!line.startsWith('fuzz {')) return worker.output.push(`${line}\n`);
    ({ done: worker.done, name: worker.name } = JSON.parse(line.slice(5)));
    worker.heardAt = Date.now();
  });
  worker.over = new Promise((resolve) => {
    child.on('close', (code) => {
      Object.assign(worker, { isOver: true, code: code ?? 1 });
      resolve(worker.code);
    });
  });
  return worker;
}

function kill({ pid }) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is over.
  }
}

function tell() {
  const done = all.reduce((sum, each) => sum + each.done, 0);
  const names = all.flatMap(({ isOver, name }) => (isOver ? [] : [name]));
  const now = names.length === 0 ? '' : `, now ${names.join(' and ')}`;
  process.stdout.write(
    `${done} cases in ${seconds()} s, ${Math.round(done / Math.max(1, seconds()))} per second${now}\n`,
  );
}

function seconds() {
  return Math.round((Date.now() - begun) / 1000);
}
