/** `boocode chat` as a person has it, in a real terminal, against a stub of the server. */
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  loadPseudoTerminals,
  openPseudoTerminal,
  type PseudoTerminal,
} from '../../src/agents/claude-pty/terminal/pseudo-terminal.ts';
import { textOf } from '../../src/protocol/text-of.ts';
import { noUsage } from '../../src/protocol/event.ts';
import { openStubServer, type StubServer } from '../support/stub-server.ts';
import { until } from '../support/until.ts';

const program = resolve(process.env['BOOCODE_TEST_PROGRAM'] ?? 'dist/cli/boocode.js');
const turnId = '0b0c3b5e-3b7e-4a80-a0c5-8f2f3f9a6a01';
let stub: StubServer;
let pty: PseudoTerminal;
let text = '';

beforeEach(async () => {
  await loadPseudoTerminals();
  stub = await openStubServer();
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  pty = openPseudoTerminal(process.execPath, [program, 'chat'], {
    cwd: '/tmp',
    env: { ...env, BOOCODE_URL: stub.url, BOOCODE_TOKEN: stub.token },
    size: { columns: 100, rows: 30 },
  });
  text = '';
  pty.onData((data) => (text += Buffer.from(data).toString()));
});
afterEach(async () => {
  pty.kill('SIGKILL');
  await pty.exited;
  await stub.close();
});

const sees = (words: string): Promise<unknown> =>
  until(() => stripVTControlCharacters(text).includes(words), { timeoutMs: 20_000, what: `“${words}”` });

test('TERM-10: a paste is one prompt and answers no question, also when it came before the question', async () => {
  const prompts: string[] = [];
  stub.onPrompt = (chatId, promptId, content) => {
    prompts.push(textOf(content));
    void until(() => stub.readers(chatId) > 0).then(() => {
      stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });
      // While nothing is asked.
      pty.write('\x1b[200~y\ry\r\x1b[201~');
      stub.requestDecision(chatId, { kind: 'permission', title: 'Bash: env ls', input: { command: 'env ls' } });
    });
  };
  await sees('> ');
  expect(text).toContain('\x1b[?2004h');
  pty.write('\x1b[200~one\x1b[201~\ry\r\ny\n\x07end\r\x1b[201~');
  await sees('one␛[201~␊y␊y␊␇end');
  expect(prompts).toEqual([]);
  pty.write('\r');
  await sees('Allow?');
  expect(prompts).toEqual(['one␛[201~\ny\ny\n␇end']);
  expect(text).toContain('What was typed before was not taken.');
  // Nor does a paste at the question answer it.
  pty.write('\x1b[200~y\ry\r\x1b[201~');
  await until(() => text.slice(text.lastIndexOf('Allow?')).includes('y␊y'));
  expect(stub.decisions.map((each) => each.status)).toEqual(['pending']);
  // Ctrl-U, and the person's own answer.
  pty.write('\x15n\r');
  await until(() => stub.decisions[0]?.status === 'resolved');
  expect(stub.decisions[0]).toMatchObject({ outcome: 'deny' });
  const [chat] = stub.chats;
  stub.append(chat!.id, { type: 'turn_finished', turnId, outcome: 'completed', usage: noUsage, costUsd: 0 });
  await until(() => text.split('> ').length > 2);
  pty.write('\x04');
  expect(await pty.exited).toMatchObject({ exitCode: 0 });
  expect(text.endsWith('\x1b[?2004l')).toBe(true);
});
