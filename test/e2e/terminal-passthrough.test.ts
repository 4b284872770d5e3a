/** Which of the real program's output reaches a viewer, depending on the server's setting. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { TerminalSocketConstructor } from '../../src/client/terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

/** What one viewer receives during a turn, and what another one receives that joins after it. */
async function given(): Promise<[live: string, drawn: string]> {
  const chat = await server.createChat({ backend: 'claude_pty' });
  const texts: [string, string] = ['', ''];
  for (const at of [0, 1] as const) {
    const connection = await server.client.terminal(chat.id, {
      WebSocket: WebSocket as unknown as TerminalSocketConstructor,
    });
    if (at === 0) await server.client.prompt(chat.id, { content: 'stream 5 tokens' });
    for await (const item of connection.items) {
      if (item.type === 'screen' || item.type === 'output') texts[at] += Buffer.from(item.data).toString();
      if (texts[at].includes('t5')) break;
    }
    connection.close();
  }
  return texts;
}

/* oxlint-disable no-control-regex -- the sequences themselves */
// The program itself sets the title of its terminal.
const title = /\x1b\][012];/;
const orders = /\x1b\](?!8;)|\x1b[P_^X]/;
/* oxlint-enable no-control-regex */

test('TERM-9: a viewer receives only drawing sequences, unless the setting allows more', async () => {
  for (const text of await given()) expect(text).not.toMatch(orders);
  await server.restart({ terminalPassthrough: ['titles'] });
  for (const text of await given()) expect(text).toMatch(title);
}, 120_000);
