// What chats have used, with the real program: whatever is done with them, each request counts once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Chat, UsageReport } from '../../src/client/client.ts';
import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const say = (chatId: string) => runTurn(server.client, chatId, 'stream 3 tokens');

async function boocode(...words: string[]) {
  const terminal = createFakeTerminal();
  const env = { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: server.workDir };
  const cli = { terminal, env, exitCode: 0 };
  await runCli(cli, ['usage', ...words]);
  return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
}

test('USAGE-1, USAGE-2: turns, flips, a restart, a fork and a deletion are in the sums once', async () => {
  const { id, cwd } = await server.createChat({ title: 'Original' });
  await say(id);
  await server.client.patchChat(id, { backend: 'claude_pty' });
  await say(id);
  await server.client.aside(id, 'what is this about?');
  await server.restart();
  await say(id);
  await server.client.patchChat(id, { backend: 'claude_sdk' });
  await say(id);
  const fork = await server.client.fork(id);
  const { items: early } = await server.client.usage({ group: 'chat' });
  expect(early.map(({ key }) => key)).toEqual([id]);
  await say(fork.id);
  const chats = await Promise.all([id, fork.id].map((each) => server.client.getChat(each)));
  const by = await server.client.usage({ group: 'chat' });
  for (const chat of chats) {
    const row = by.items.find(({ key }) => key === chat.id)!;
    expect(chat.costUsd).toBeGreaterThan(0);
    expect(row.costUsd).toBeCloseTo(chat.costUsd, 9);
    expect({ out: row.outputTokens, in: tokensIn(row) }).toEqual({ out: chat.tokensOut, in: chat.tokensIn });
    expect(row.title).toBe(chat.title);
  }
  const sum = chats.reduce((total, { costUsd }: Chat) => total + costUsd, 0);
  await server.client.deleteChat(id);
  for (const group of ['day', 'chat', 'cwd', 'model'] as const) {
    const { total, items } = await server.client.usage({ group });
    expect(total.costUsd).toBeCloseTo(sum, 9);
    expect(items.reduce((all, { costUsd }) => all + costUsd, 0)).toBeCloseTo(sum, 9);
  }
  expect((await server.client.usage({ group: 'cwd' })).items.map(({ key }) => key)).toEqual([cwd]);
  expect((await server.client.usage({ group: 'chat' })).items.find(({ key }) => key === id)).toMatchObject({
    title: null,
  });
});

const tokensIn = (row: UsageReport['total']): number =>
  row.inputTokens + row.cacheReadInputTokens + row.cacheCreationInputTokens;

test('USAGE-9: boocode usage shows it by day, chat, directory or model', async () => {
  const { id } = await server.createChat({ title: 'Shown' });
  await say(id);
  const days = await boocode();
  expect(days).toMatchObject({ code: 0, err: '' });
  const lines = days.out.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^DAY +COST +IN +CACHED +OUT$/);
  expect(lines).toHaveLength(32);
  expect(lines.at(-2)).toMatch(/^\d{4}-\d\d-\d\d +\$0\.\d{4} +[\d,]+ +[\d,]+ +[\d,]+ +█{20}$/);
  expect(lines.at(-1)).toMatch(/^total +\$0\.\d{4} /);
  expect((await boocode('--by', 'chat')).out).toMatch(new RegExp(`^${id.slice(0, 8)}[0-9a-f-]* +Shown +\\$0\\.`, 'm'));
  expect((await boocode('--by', 'directory')).out).toMatch(/^~ +\$0\./m);
  const json = JSON.parse((await boocode('--by', 'model', '--json')).out) as UsageReport;
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  expect(json).toMatchObject({ group: 'model', timeZone, other: null });
  const one = await boocode('--by', 'chat', '--limit', '1');
  expect(one.out).toMatch(/^\d+ others +\$/m);
});

test('USAGE-9: what is typed wrong is said', async () => {
  const wrong = async (words: string[], text: RegExp) => {
    const { code, err, out } = await boocode(...words);
    expect({ words, err, out }).toEqual({ words, err: expect.stringMatching(text), out: '' });
    expect(code).not.toBe(0);
  };
  await wrong(['--by', 'week'], /Allowed choices are day, chat, directory, model/);
  await wrong(['--from', 'yesterday'], /from: must be a day like 2027-01-31/);
  await wrong(['--from', '2026-02-30'], /from: must be a day like 2027-01-31/);
  await wrong(['--from', '2027-01-02', '--to', '2027-01-01'], /from: must be before to/);
  await wrong(['--time-zone', 'Mars'], /"Mars" is not a time zone/);
  await wrong(['--limit', '0'], /whole number from 1 to 1000/);
  expect(await boocode('--to', '2001-01-01')).toEqual({ code: 0, out: '', err: 'Nothing was used in that time.\n' });
});
