/** `boocode chat` as a person uses it, in a real terminal, against a stub of the server. */
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAgentTerminal } from '../../src/agents/agent-process.ts';
import { loadPseudoTerminals, type PseudoTerminal } from '../../src/terminal/pseudo-terminal.ts';
import { textOf } from '../../src/protocol/text-of.ts';
import { noUsage } from '../../src/protocol/usage.ts';
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
  pty = openAgentTerminal(process.execPath, [program, 'chat'], {
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

test('TERM-10: a paste is one prompt and answers no question, even if it came before the question', async () => {
  const prompts: string[] = [];
  stub.onPrompt = (chatId, promptId, content) => {
    prompts.push(textOf(content));
    void until(() => stub.readers(chatId) > 0).then(() => {
      stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });
      // Pasted before anything is asked.
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
  expect(text).toContain('Earlier input was ignored.');
  // A paste at the question does not answer it either.
  pty.write('\x1b[200~y\ry\r\x1b[201~');
  await until(() => text.slice(text.lastIndexOf('Allow?')).includes('y␊y'));
  expect(stub.decisions.map((each) => each.status)).toEqual(['pending']);
  // Ctrl-U clears the line, and the person answers.
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

test('PROMPT-11: text typed while a turn runs appears in the next input line, even after Ctrl-C', async () => {
  const prompts: string[] = [];
  stub.onPrompt = (chatId, promptId, content) => {
    prompts.push(textOf(content));
    void until(() => stub.readers(chatId) > 0).then(() =>
      stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] }),
    );
  };
  stub.onInterrupt = (chatId) =>
    stub.append(chatId, { type: 'turn_finished', turnId, outcome: 'interrupted', usage: noUsage, costUsd: 0 });
  await sees('> ');
  pty.write('one\r');
  await until(() => prompts.length === 1);
  pty.write('and twö');
  // The terminal echoes it as usual.
  await sees('and twö');
  pty.write('\x03');
  await sees('Interrupting');
  await until(() => stripVTControlCharacters(text).endsWith('> and twö'), { what: 'the next line' });
  expect(prompts).toEqual(['one']);
  pty.write(' more\r');
  await until(() => prompts.length === 2);
  expect(prompts[1]).toBe('and twö more');
});

test('PROMPT-11: nothing that was typed reaches the shell, and the terminal is restored', async () => {
  pty.kill('SIGKILL');
  await pty.exited;
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  const words = [process.execPath, program, 'chat'].map((word) => `'${word}'`).join(' ');
  const script = `stty -g; ${words}; echo "left $?"; stty -g; read -r line; echo "read <$line>"`;
  pty = openAgentTerminal('/bin/sh', ['-c', `trap : INT; ${script}`], {
    cwd: '/tmp',
    env: { ...env, BOOCODE_URL: stub.url, BOOCODE_TOKEN: stub.token },
    size: { columns: 100, rows: 30 },
  });
  text = '';
  pty.onData((data) => (text += Buffer.from(data).toString()));
  let begun = 0;
  stub.onPrompt = (chatId, promptId) =>
    void until(() => stub.readers(chatId) > 0).then(() => {
      stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });
      begun += 1;
    });
  await sees('> ');
  pty.write('one\r');
  await until(() => begun === 1);
  pty.write('touch x');
  await sees('touch x');
  pty.write('\x03');
  await sees('Interrupting');
  pty.write('\x03');
  await until(() => stripVTControlCharacters(text).endsWith('> touch x'), { what: 'the next line' });
  pty.write('\x03');
  await sees('left 130');
  pty.write('own\r');
  await sees('read <own>');
  const settings = stripVTControlCharacters(text).match(/^[0-9a-f]+(?::[0-9a-f]+)+/gm);
  expect(settings).toHaveLength(2);
  expect(settings![1]).toBe(settings![0]);
});
