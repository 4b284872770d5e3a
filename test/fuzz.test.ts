// The short form; `npm run fuzz` runs it with at least a million cases, in several processes.
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { removePlaces } from './fuzz/place.ts';
import { targets } from './fuzz/targets.ts';

const runs = Number(process.env['BOOCODE_FUZZ_RUNS'] ?? 20);
// The same values each time, unless others are looked for.
const seed = Number(process.env['BOOCODE_FUZZ_SEED'] ?? 1);
/** `1/3`: every third parser from the second one on. */
const [share = 0, shares = 1] = (process.env['BOOCODE_FUZZ_SHARE'] ?? '0/1').split('/').map(Number);
const own = targets.filter((_, at) => at % shares === share);
process.stderr.write(`Fuzzing: ${own.length} parsers, ${runs} cases each, seed ${seed}.\n`);

/** What takes as long as this hangs, or lets somebody stop the server with one request. */
const caseMs = 20_000;
const tellEveryMs = 1_000;
let done = 0;
let toldAt = 0;

/** Read by `npm run fuzz`, which ends a process that has not said anything for long. */
function tell(name: string, isBegin = false): void {
  if (shares === 1 || (!isBegin && Date.now() - toldAt < tellEveryMs)) return;
  toldAt = Date.now();
  process.stderr.write(`fuzz ${JSON.stringify({ share, done, name })}\n`);
}

async function inTime(fed: unknown): Promise<void> {
  if (!(fed instanceof Promise)) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${caseMs / 1000} seconds.`)), caseMs);
  });
  await Promise.race([fed, late]).finally(() => clearTimeout(timer));
}

afterAll(removePlaces);

describe('FUZZ-1: whatever comes from outside is accepted, or refused with one clear error', () => {
  test.each(own)(
    '$name',
    async ({ name, input, feed }) => {
      tell(name, true);
      const property = fc.asyncProperty(input, async (value) => {
        await inTime(feed(value as never));
        if (Object.hasOwn(Object.prototype, 'polluted')) throw new Error('A prototype was changed.');
        done += 1;
        tell(name);
      });
      const found = await fc.check(property, { numRuns: runs, seed });
      expect(await fc.asyncDefaultReportMessage(found)).toBeUndefined();
      if (shares > 1) tell(name, true);
    },
    3_600_000,
  );
});
