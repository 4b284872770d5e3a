// What the real program's agent has scheduled for itself: its chat gives it, whatever has become of the program.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { givenByHost } from '../../src/agents/claude/wake-ups.ts';
import type { Schedule } from '../../src/client/client.ts';
import type { BackendName } from '../../src/protocol/chat.ts';
import type { Event } from '../../src/protocol/event.ts';
import { backendNames } from '../support/backend-names.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

/** Every day, some hours from now. The program forgets after thirty days what recurs. */
const far = { cron: `0 ${(new Date().getHours() + 6) % 24} * * *`, recurring: true };

/** Once, at the next full minute before which the test can do what it does first. */
function soon() {
  const at = new Date(Date.now() + 15_000 + 60_000);
  return { cron: `${at.getMinutes()} * * * *`, recurring: false };
}

/** A chat whose agent has scheduled this. */
async function scheduling(
  when: typeof far,
  prompt: string,
  input: { backend?: BackendName; idleSeconds?: number } = {},
) {
  const { id } = await server.createChat(input);
  await runTurn(server.client, id, `call CronCreate: ${JSON.stringify({ ...when, prompt })}`);
  const [made] = await until(async () => {
    const { items } = await server.client.listChatSchedules(id);
    return items.length > 0 && items;
  });
  return { id, made: made! };
}

const makeDue = ({ id }: Schedule): Promise<unknown> =>
  server.sql`update boocode.schedules set next_at = clock_timestamp() where id = ${id}`;

/** The program's transcript says that it has not told its agent something. */
async function wasBlocked(id: string): Promise<boolean> {
  const rows = await server.sql`
    select 1 from boocode.claude_session_entries where project_key = ${id} and entry::text like ${`%${givenByHost}%`}`;
  return rows.length > 0;
}

/** The log, once it has the end of that many turns. */
function ended(id: string, count: number, client = server.client): Promise<Event[]> {
  const read = async () => {
    const log = await readLog(client, id);
    return eventsOf(log, 'turn_finished').length >= count && log;
  };
  return until(read, { what: `the end of ${count} turns`, timeoutMs: 100_000 });
}

const given = (log: readonly Event[]) =>
  eventsOf(log, 'prompt_accepted').flatMap(({ schedule, content, by }) =>
    schedule ? [{ schedule, content, by }] : [],
  );

// At once, because what they wait for most is the program's clock.
describe.concurrent.each(backendNames)('on %s', (backend) => {
  test('SCHEDULE-11: what an agent schedules is listed, and given once after its chat went to sleep', async () => {
    const { id, made } = await scheduling(far, 'stream 3 tokens', { backend, idleSeconds: 1 });
    expect(made).toMatchObject({ madeBy: 'agent', by: 'agent', cron: far.cron, content: 'stream 3 tokens' });
    await until(async () => (await server.client.getChat(id)).state === 'cold');
    await makeDue(made);
    const log = await ended(id, 2);
    expect(given(log)).toMatchObject([
      { schedule: { scheduleId: made.id, madeBy: 'agent' }, content: [{ text: 'stream 3 tokens' }], by: 'agent' },
    ]);
    expect((await server.client.listChatSchedules(id)).items).toMatchObject([{ id: made.id, nextAt: made.nextAt }]);
    await runTurn(server.client, id, 'stream 1 tokens');
    expect(given(await readLog(server.client, id))).toHaveLength(1);
  }, 120_000);

  test('SCHEDULE-12: while its program runs it is given once too, and one that a person has paused is not', async () => {
    const when = soon();
    const [once, paused] = await Promise.all([
      scheduling(when, 'stream 4 tokens', { backend }),
      scheduling(when, 'stream 5 tokens', { backend }),
    ]);
    await server.client.patchSchedule(paused.id, paused.made.id, { isPaused: true });
    const log = await ended(once.id, 2);
    expect(given(log)).toMatchObject([
      { schedule: { scheduleId: once.made.id }, content: [{ text: 'stream 4 tokens' }] },
    ]);
    // The program was about to tell both.
    for (const { id } of [once, paused]) await until(() => wasBlocked(id), { what: 'the program to be blocked' });
    await runTurn(server.client, once.id, 'stream 1 tokens');
    await runTurn(server.client, paused.id, 'stream 1 tokens');
    const after = await readLog(server.client, once.id);
    expect(eventsOf(after, 'turn_finished').map(({ outcome }) => outcome)).toEqual([
      'completed',
      'completed',
      'completed',
    ]);
    expect(eventsOf(after, 'incoming_message')).toEqual([]);
    expect(eventsOf(await readLog(server.client, paused.id), 'turn_started')).toHaveLength(2);
    expect((await server.client.listChatSchedules(once.id)).items).toEqual([]);
  }, 200_000);
});
