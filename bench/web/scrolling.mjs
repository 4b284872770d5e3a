/** Reading back in a long chat with the wheel: the frames on the way, and whether its beginning is reached. */
import { addressOf, openPage } from './browser.mjs';
import { lastWords } from './long-chat.mjs';

const wheels = 240;
const wheelPx = 300;
const beginning = 'The start of this chat';
const limitMs = 240_000;

export async function measureScrolling(browser, server, chatId) {
  const opened = await openPage(browser, server);
  const { page, devtools } = opened;
  await page.goto(addressOf(server, chatId));
  await page.evaluate((words) => bench.chatDrawn(words), lastWords);
  await page.mouse.move(800, 400);

  const read = await recorded(page, async () => {
    for (let turn = 0; turn < wheels; turn += 1) await page.mouse.wheel(0, -wheelPx);
  });
  const startedAt = performance.now();
  const top = page.getByText(beginning);
  const back = await recorded(page, async () => {
    while ((await top.count()) === 0) {
      if (performance.now() - startedAt > limitMs) throw new Error('The beginning of the long chat was not reached.');
      for (let turn = 0; turn < 10; turn += 1) await page.mouse.wheel(0, -100_000);
    }
  });
  const toBeginningMs = performance.now() - startedAt;
  const rows = await page.locator('.row').count();
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  await opened.close();
  return { read, back, toBeginningMs, rows, heapBytes: usedSize };
}

/** The frames meanwhile. */
export async function recorded(page, work) {
  const stop = await page.evaluateHandle(() => bench.recordFrames());
  await work();
  return stop.evaluate((end) => end());
}
