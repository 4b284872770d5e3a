// Feeds every parser of outside input with random values: `npm run fuzz -- [--cases 1000000] [--seed 7]`.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
});
if (values.help) {
  process.stdout.write(`npm run fuzz -- [--cases <number>] [--seed <number>]

Every parser of input from outside gets random values (test/fuzz/targets.ts), at least a million in all. The seed is told at
the start and with a failure, whose smallest value is shown; the same seed makes the same values.
`);
  process.exit(0);
}
const cases = Number(values.cases ?? 1_000_000);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('--cases and --seed must be whole numbers.\n');
  process.exit(2);
}
// There are more than a hundred parsers.
const runs = Math.ceil(cases / 100);
const child = spawn(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/fuzz.test.ts', '--reporter=verbose'],
  {
    env: { ...process.env, BOOCODE_FUZZ_RUNS: String(runs), BOOCODE_FUZZ_SEED: String(seed) },
    stdio: 'inherit',
  },
);
child.on('exit', (code) => {
  process.stdout.write(`Seed ${seed}, ${runs} cases for each parser: ${code === 0 ? 'nothing found' : 'see above'}.\n`);
  process.exitCode = code ?? 1;
});
