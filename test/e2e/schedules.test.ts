// Prompts for later, from the command line, with the real program.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Schedule } from '../../src/client/client.ts';
import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

async function boocode(...words: string[]) {
  const terminal = createFakeTerminal();
  const env = { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token, HOME: '/nonexistent' };
  const cli = { terminal, env, exitCode: 0 };
  await runCli(cli, ['schedule', ...words]);
  return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
}

test('SCHEDULE-10: boocode schedule makes, lists, pauses, resumes and removes', async () => {
  const { id: chatId } = await server.client.createChat({ cwd: server.workDir });
  const made = await boocode(chatId.slice(0, 8), '--cron', '0 9 * * mon-fri', 'What', 'is', 'new?');
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(/^schedule [0-9a-f-]{36}: 0 9 \* \* mon-fri \(.+\), next at \d{4}-\d\d-\d\d 09:00\n$/);
  const [listed] = JSON.parse((await boocode('ls', chatId, '--json')).out) as Schedule[];
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  expect(listed).toMatchObject({ content: 'What is new?', cron: '0 9 * * mon-fri', timeZone, via: 'cli' });
  const short = listed!.id.slice(0, 8);
  expect((await boocode('pause', short)).out).toBe('Paused: What is new?\n');
  expect((await boocode('ls')).out).toMatch(new RegExp(`${short} +${chatId.slice(0, 8)} +paused +0 9 \\* \\* mon-fri`));
  expect((await boocode('resume', short)).out).toMatch(/^Resumed, next at .* 09:00: What is new\?\n$/);
  expect((await boocode('rm', short)).out).toBe('Removed: What is new?\n');
  expect(await boocode('ls')).toMatchObject({ code: 0, out: '', err: expect.stringMatching(/^Nothing is scheduled/) });
});

test('SCHEDULE-10: what is typed wrong is said, and changes nothing', async () => {
  const { id } = await server.client.createChat({ cwd: server.workDir });
  const wrong = async (words: string[], text: RegExp) => {
    const { code, err } = await boocode(...words);
    expect({ words, err }).toEqual({ words, err: expect.stringMatching(text) });
    expect(code).not.toBe(0);
  };
  await wrong([id, 'x'], /one of --at, --in and --cron/);
  await wrong([id, '--at', '09:00', '--in', '2h', 'x'], /one of --at, --in and --cron/);
  await wrong([id, '--in', '2 hours', 'x'], /not a time from now/);
  await wrong([id, '--at', 'tomorrow', 'x'], /not a time, such as/);
  await wrong([id, '--at', '25:00', 'x'], /not a time, such as/);
  await wrong([id, '--at', '2001-01-01 09:00', 'x'], /at: must be in the future/);
  await wrong([id, '--cron', '* * *', 'x'], /five fields/);
  await wrong([id, '--at', '09:00', '--time-zone', 'UTC', 'x'], /--time-zone goes with --cron/);
  await wrong(['rm', '0000'], /No schedule has an id that starts with/);
  expect((await server.client.listChatSchedules(id)).items).toEqual([]);
});

test('SCHEDULE-1: a chat that sleeps is woken for a prompt that is due', async () => {
  const { id } = await server.client.createChat({ cwd: server.workDir });
  const { out } = await boocode(id, '--in', '1s', 'say hello');
  const log = await until(async () => {
    const events = await readLog(server.client, id);
    return eventsOf(events, 'turn_finished').length > 0 && events;
  });
  expect(eventsOf(log, 'turn_finished')).toMatchObject([{ outcome: 'completed' }]);
  expect(eventsOf(log, 'prompt_accepted')).toMatchObject([
    { content: [{ type: 'text', text: 'say hello' }], schedule: { scheduleId: out.slice(9, 45) }, via: 'cli' },
  ]);
});
