/**
 * Preloaded into a process (`--import`) to record when it passes each token of a `stream N tokens` answer to a socket:
 * `at=socket` for the server's WebSocket, `at=response` for the demo model's HTTP response. Lines of `<token>
 * <milliseconds>` go to the file `to`, by the clock that all processes of one machine share.
 */
import { appendFile } from 'node:fs/promises';
import { ServerResponse } from 'node:http';
import { WebSocket } from 'ws';
import { clockMs } from './clock.mjs';

const given = new URL(import.meta.url).searchParams;
const file = given.get('to');
const [prototype, method] =
  given.get('at') === 'socket' ? [WebSocket.prototype, 'send'] : [ServerResponse.prototype, 'write'];
const original = prototype[method];
let lines = '';

// Only look at the text here: the file is written between the deltas.
prototype[method] = function (data, ...rest) {
  const at = clockMs();
  const sent = Reflect.apply(original, this, [data, ...rest]);
  const [, text] = typeof data === 'string' && data.length < 2000 ? (/"text":"((?:t\d+ )+)"/.exec(data) ?? []) : [];
  if (text !== undefined) for (const [, token] of text.matchAll(/t(\d+) /g)) lines += `${token} ${at}\n`;
  return sent;
};

let isWriting = false;
setInterval(() => {
  if (lines === '' || isWriting) return;
  const leaving = lines;
  lines = '';
  isWriting = true;
  void appendFile(file, leaving).finally(() => (isWriting = false));
}, 200).unref();
