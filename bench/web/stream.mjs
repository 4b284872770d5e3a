/** A streamed answer, delta by delta: when each was sent and when it was on the screen, the frames, the memory. */
import { readFile, truncate } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { addressOf, openPage, promptField } from './browser.mjs';
import { compareClocks } from './clock.mjs';
import { recorded } from './scrolling.mjs';

/** A chat with a warm agent, open in its own page. */
async function openWarmChat(browser, server) {
  const chat = await server.http.json('POST', '/v1/chats', { cwd: server.cwd, backend: 'claude_sdk' });
  const opened = await openPage(browser, server);
  await opened.page.goto(addressOf(server, chat.id));
  await say(opened.page, 'think');
  await turnEnded(opened.page);
  return opened;
}

/** For each token of one answer: milliseconds from the server's sending it, and from the model's, to the screen. */
export async function measureDeltas(browser, server, stampFiles, { count, perSecond }) {
  const opened = await openWarmChat(browser, server);
  const { page } = opened;
  const clocks = [await compareClocks(page)];
  for (const file of Object.values(stampFiles)) await truncate(file, 0).catch(ignoreMissing);
  const tokens = await page.evaluateHandle(() => bench.recordTokens());
  const frames = await recorded(page, async () => {
    await say(page, `stream ${count} tokens at ${perSecond} per second`);
    await turnEnded(page, count / perSecond);
  });
  const drawn = await tokens.evaluate((recording) => recording.end());
  clocks.push(await compareClocks(page));
  const [sent, written] = await Promise.all([
    readStamps(stampFiles.socket, count),
    readStamps(stampFiles.response, count),
  ]);
  await opened.close();

  // The two clocks may drift apart: use the mean offset; the error is at most half the difference.
  const offset = (clocks[0].offsetMs + clocks[1].offsetMs) / 2;
  const clockErrorMs =
    Math.abs(clocks[0].offsetMs - clocks[1].offsetMs) / 2 + Math.max(clocks[0].errorMs, clocks[1].errorMs);
  const samples = { inDocument: [], painted: [], fromModel: [] };
  let next = 1;
  for (const { from, to, inDocumentAt, paintedAt } of drawn) {
    if (from !== next || paintedAt === 0) throw new Error(`Token ${from} was drawn where token ${next} was expected.`);
    for (; next <= to; next += 1) {
      samples.inDocument.push(inDocumentAt + offset - sent[next]);
      samples.painted.push(paintedAt + offset - sent[next]);
      samples.fromModel.push(paintedAt + offset - written[next]);
    }
  }
  if (next !== count + 1) throw new Error(`Of ${count} tokens ${next - 1} were drawn.`);
  return { ...samples, frames, clockErrorMs };
}

/** The heap after a garbage collection, and the page's nodes, at intervals of one long answer. */
export async function measureMemory(browser, server, { count, perSecond, every }) {
  const opened = await openWarmChat(browser, server);
  const { page, devtools } = opened;
  await devtools.send('Performance.enable');
  const look = async (tokens) => {
    await devtools.send('HeapProfiler.collectGarbage');
    const { usedSize } = await devtools.send('Runtime.getHeapUsage');
    const { metrics } = await devtools.send('Performance.getMetrics');
    return { tokens, heapBytes: usedSize, nodes: metrics.find(({ name }) => name === 'Nodes').value };
  };
  const runs = [];
  for (let run = 0; run < 2; run += 1) {
    const samples = [await look(0)];
    const tokens = await page.evaluateHandle(() => bench.recordTokens());
    await say(page, `stream ${count} tokens at ${perSecond} per second`);
    for (let next = every; next < count; next += every) {
      const seen = await page.waitForFunction(
        ([recording, least]) => {
          const at = recording.seen();
          return at >= least ? at : 0;
        },
        [tokens, next],
      );
      samples.push(await look(await seen.jsonValue()));
      await seen.dispose();
    }
    await turnEnded(page, count / perSecond);
    await tokens.evaluate((recording) => recording.end());
    await tokens.dispose();
    await delay(1000);
    samples.push(await look(count));
    runs.push(samples);
  }
  await opened.close();
  return runs;
}

/** Sends a prompt as a person does, and waits for its turn to start. */
async function say(page, text) {
  await promptField(page).fill(text);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.transcript')?.ariaBusy === 'true');
}

const turnEnded = (page, seconds = 0) =>
  page.waitForFunction(() => document.querySelector('.transcript')?.ariaBusy === 'false', undefined, {
    timeout: 60_000 + seconds * 3000,
    polling: 200,
  });

/** The time of each token, by its number. The file is written a moment after the last one. */
async function readStamps(file, count) {
  for (let turn = 0; turn < 50; turn += 1) {
    const times = [];
    for (const line of (await readFile(file, 'utf8')).split('\n')) {
      const [token, at] = line.split(' ').map(Number);
      if (at !== undefined) times[token] ??= at;
    }
    const isWhole = Array.from({ length: count }, (_, index) => times[index + 1]).every((at) => at !== undefined);
    if (isWhole) return times;
    await delay(100);
  }
  throw new Error(`${file} does not contain the times of ${count} tokens.`);
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}
