/** What a browser with an empty cache fetches until its first chat is usable, in bytes on the wire. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { distDirectory } from '../dist.mjs';
import { addressOf, openPage, promptField } from './browser.mjs';
import { shortWords } from './long-chat.mjs';

export async function measureFirstView(browser, server, chatId) {
  const opened = await openPage(browser, server);
  const { page, devtools } = opened;
  const requests = new Map();
  let socketBytes = 0;
  devtools.on('Network.responseReceived', ({ requestId, response, type }) => {
    requests.set(requestId, {
      url: new URL(response.url),
      type,
      encoding: response.headers['content-encoding'],
      bytes: 0,
    });
  });
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const request = requests.get(requestId);
    if (request) request.bytes = encodedDataLength;
  });
  devtools.on('Network.webSocketFrameReceived', ({ response }) => (socketBytes += response.payloadData.length));
  await devtools.send('Network.enable');
  await page.goto(addressOf(server, chatId));
  await page.evaluate((words) => bench.chatDrawn(words), shortWords);
  await promptField(page).fill('x');
  await page.waitForLoadState('networkidle');
  const fetched = [...requests.values()];
  await opened.close();

  const isProgram = ({ url }) => !url.pathname.startsWith('/v1/');
  const sum = (list) => list.reduce((total, { bytes }) => total + bytes, 0);
  const program = fetched.filter(isProgram);
  if (program.length < 3 || program.some(({ bytes }) => bytes === 0))
    throw new Error('The first view was not seen completely.');
  const rest = await sizesOfRest(server, new Set(program.map(({ url }) => url.pathname)));
  return {
    programBytes: sum(program),
    programFiles: program.length,
    dataBytes: sum(fetched.filter((request) => !isProgram(request))) + socketBytes,
    rest,
  };
}

/** The app's files that the first view did not need, as the server sends them. */
async function sizesOfRest(server, fetched) {
  const names = await readdir(join(distDirectory, 'web', 'assets'));
  const rest = names.filter((name) => !fetched.has(`/assets/${name}`));
  return Promise.all(rest.map(async (name) => ({ name, bytes: await server.http.compressedBytes(`/assets/${name}`) })));
}
