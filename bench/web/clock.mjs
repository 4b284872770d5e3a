/** Milliseconds of the machine's monotonic clock: the same in every Node process. */
export const clockMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/**
 * The offset from a page's `performance.now()` to `clockMs()`. Of many measurements the fastest counts: its error is at
 * most half its round trip, which is returned as well.
 */
export async function compareClocks(page) {
  let best = { offsetMs: 0, errorMs: Infinity };
  for (let turn = 0; turn < 50; turn += 1) {
    const before = clockMs();
    const there = await page.evaluate(() => performance.now());
    const after = clockMs();
    const errorMs = (after - before) / 2;
    if (errorMs < best.errorMs) best = { offsetMs: (before + after) / 2 - there, errorMs };
  }
  return best;
}
