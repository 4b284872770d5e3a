/** The run itself: one thing after another, each in its own page. */
import { join } from 'node:path';
import { openBooCode } from '../contestants/boocode.mjs';
import { openPlace } from '../place.mjs';
import { openBrowser } from './browser.mjs';
import { measureFirstView } from './first-view.mjs';
import { makeChats } from './long-chat.mjs';
import { openByClick, openCold } from './opening.mjs';
import { measureScrolling } from './scrolling.mjs';
import { measureDeltas, measureMemory } from './stream.mjs';

export const longEvents = 50_000;
export const memoryTokens = 20_000;

const stamps = (at, file) => [
  '--import',
  `${new URL('stamps.mjs', import.meta.url)}?at=${at}&to=${encodeURIComponent(file)}`,
];

/** A place whose model records when it writes each token. */
export function openWebPlace() {
  return openPlace({ modelArgs: (root) => stamps('response', join(root, 'written')) });
}

export async function measureWeb(place, { samples, only, progress }) {
  const wants = (name) => only === undefined || only.includes(name);
  const stampFiles = { response: join(place.root, 'written'), socket: join(place.root, 'sent') };
  let chats;
  progress('Writing the long chat.');
  const server = await openBooCode(place, 'web', {
    idleSeconds: 3600,
    nodeArgs: stamps('socket', stampFiles.socket),
    prepare: async (room) => (chats = await makeChats(room, longEvents)),
  });
  const browser = await openBrowser(place);
  const measured = { browser: browser.version() };

  if (wants('first-view')) {
    progress('Loading the first view.');
    measured.firstView = await measureFirstView(browser, server, chats.shortId);
  }
  if (wants('opening')) {
    progress('Opening the long chat.');
    // Not measured: the first opening also warms the server and the database.
    await openCold(browser, server, chats.longId);
    measured.cold = [];
    for (let turn = 0; turn < samples; turn += 1) measured.cold.push(await openCold(browser, server, chats.longId));
    const [, ...clicked] = await openByClick(browser, server, chats, samples + 1);
    measured.clicked = clicked;
  }
  if (wants('scrolling')) {
    progress('Reading back to the beginning of the long chat.');
    measured.scrolling = await measureScrolling(browser, server, chats.longId);
  }
  if (wants('deltas')) {
    progress('Streaming 100 deltas per second.');
    measured.deltas = await measureDeltas(browser, server, stampFiles, { count: 2000, perSecond: 100 });
    progress('Streaming 1,000 deltas per second.');
    measured.fastDeltas = await measureDeltas(browser, server, stampFiles, { count: 5000, perSecond: 1000 });
  }
  if (wants('memory')) {
    progress(`Streaming ${memoryTokens} deltas, twice, and measuring memory.`);
    measured.memory = await measureMemory(browser, server, { count: memoryTokens, perSecond: 500, every: 2000 });
  }
  return measured;
}
