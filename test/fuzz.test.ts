// The short form; `npm run fuzz` runs it with at least a million cases.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { targets } from './fuzz/targets.ts';

const runs = Number(process.env['BOOCODE_FUZZ_RUNS'] ?? 20);
const seed = Number(process.env['BOOCODE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
process.stderr.write(`Fuzzing: ${targets.length} parsers, ${runs} cases each, seed ${seed}.\n`);

describe('FUZZ-1: whatever comes from outside is accepted, or refused with one clear error', () => {
  test.each(targets)(
    '$name',
    async ({ input, feed }) => {
      const property = fc.asyncProperty(input, async (value) => {
        await feed(value as never);
        expect(Object.prototype).not.toHaveProperty('polluted');
      });
      await fc.assert(property, { numRuns: runs, seed });
    },
    3_600_000,
  );
});
