/** Milliseconds of the machine's monotonic clock: the same in every Node process. */
export const clockMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/**
 * What has to be added to a page's `performance.now()` to get `clockMs()`. Of many questions the one that was answered
 * fastest counts: it is wrong by half its round trip at the most, which is given as well.
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
