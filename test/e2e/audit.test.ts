// The audit log of two hosts on one database, with the real program and the command line.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import type { AuditEntry } from '../../src/client/client.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

let one: TestServer;
let two: TestServer;
let chatId: string;
const marker = 'stream 2 tokens';
beforeAll(async () => {
  const config = { advertiseUrl: 'http://127.0.0.1:0' };
  one = await openServer({ config: { ...config, hostName: 'one' } });
  two = await openServer({ config: { ...config, hostName: 'two' }, beside: one });
  ({ id: chatId } = await one.createChat({ title: 'A title of its own' }));
  await runTurn(one.client, chatId, marker);
  await runTurn(two.client, chatId, marker);
  await two.client.patchChat(chatId, { permissionMode: 'plan', title: 'Another title' });
  for await (const _ of two.client.transcript(chatId));
  await two.client.deleteChat(chatId);
}, 60_000);
afterAll(async () => {
  await two.close();
  await one.close();
});

async function boocode(...words: string[]) {
  const terminal = createFakeTerminal();
  const env = { BOOCODE_URL: one.url, BOOCODE_TOKEN: one.token, HOME: one.workDir };
  const cli = { terminal, env, exitCode: 0 };
  await runCli(cli, ['audit', ...words]);
  return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
}

test('AUDIT-3: each act has one entry, by the host that was asked, with the details of the one that did it', async () => {
  const { items } = await one.client.audit({ chat: chatId, order: 'oldest' });
  const person = { id: 'owner', name: 'owner', role: 'owner' };
  expect(items.every((entry) => entry.outcome === 'done' && entry.via === 'test' && entry.source === '127.0.0.1')).toBe(
    true,
  );
  expect(items.map(({ person: who }) => who)).toEqual(items.map(() => person));
  const told = items.filter(({ act }) => act !== 'warmChat').map(({ act, host }) => `${act} ${host}`);
  expect(told).toEqual([
    'createChat one',
    'submitPrompt one',
    'submitPrompt two',
    'updateChat two',
    'readTranscript two',
    'deleteChat two',
  ]);
  const patch = items.find(({ act }) => act === 'updateChat');
  expect(patch?.details).toEqual({ permissionMode: 'plan', fields: ['title', 'permissionMode'] });
});

test('AUDIT-2: no word of what was said is in the table', async () => {
  const rows = await one.sql<{ row: string }[]>`select row_to_json(audit_log)::text as row from boocode.audit_log`;
  expect(rows.length).toBeGreaterThan(5);
  const all = JSON.stringify(rows);
  for (const text of [marker, 'title of its own', 'Another title', one.token, one.workDir])
    expect(all).not.toContain(text);
});

test('AUDIT-8: boocode audit shows the last acts, and exports all as lines of JSON', async () => {
  await one.call('POST', '/v1/chats', { body: { cwd: 'relative' } });
  const shown = await boocode('--chat', chatId, '--limit', '2');
  expect(shown.out).toMatch(
    /^WHEN +WHO +ACT +CHAT +OUTCOME +FROM\n.*\bowner +readTranscript .*\n.*\bowner +deleteChat .*\n$/,
  );
  expect((await boocode('--outcome', 'refused')).out).toMatch(
    /createChat +refused: cwd_invalid +api, 127\.0\.0\.1 +fields=cwd/,
  );
  const linesOf = ({ out }: { out: string }) =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AuditEntry);
  const all = linesOf(await boocode('--json'));
  expect(all.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq).toSorted((a, b) => a - b));
  expect(all.at(-1)).toMatchObject({ act: 'createChat', outcome: 'refused', code: 'cwd_invalid' });
  const rest = linesOf(
    await boocode('--json', '--after', String(all.at(-3)!.seq), '--since', '1h', '--person', 'OWNER'),
  );
  expect(rest.map(({ seq }) => seq)).toEqual(all.slice(-2).map(({ seq }) => seq));
  expect((await boocode('--until', '1h')).err).toContain('Nothing of that is in the audit log.');
  expect(await boocode('--since', 'yesterday')).toMatchObject({
    code: 1,
    err: expect.stringContaining('7d') as string,
  });
});
