// What had streamed of an answer that never came to its end stays in the log.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, followUntil, nextEvent, readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

/** A chat in the middle of its answer, with the texts that the agent has finished. */
async function holding({ client }: ServerProgram): Promise<string> {
  const { id } = await client.createChat({ cwd: home.workDir, backend: 'claude_sdk' });
  await client.prompt(id, { content: 'hold' });
  await followUntil(client, id, (item) => item.kind === 'delta');
  return id;
}
const answersOf = async ({ client }: ServerProgram, chatId: string) =>
  eventsOf(await readLog(client, chatId), 'agent_message').map(({ content, isPartial }) => ({ content, isPartial }));
const cutOff = [{ content: [{ type: 'text', text: 'I hold here. ' }], isPartial: true }];

test('TURN-26: what had streamed is kept when the agent is killed, or its server, and once after an interrupt', async () => {
  let server = await home.serve('serve');
  const interrupted = await holding(server);
  await server.client.interrupt(interrupted);
  expect(await nextEvent(server.client, interrupted, 'turn_finished')).toMatchObject({ outcome: 'interrupted' });
  // The program itself reports it, as a message like any other: it is not there twice.
  expect(await answersOf(server, interrupted)).toEqual([{ ...cutOff[0], isPartial: undefined }]);
  await server.client.deleteChat(interrupted);

  const killed = await holding(server);
  for (const { pid, command } of processesWith(markOf(server.program.identity)))
    if (/claude\b/.test(command.split(' ')[0] ?? '')) process.kill(pid, 'SIGKILL');
  expect(await nextEvent(server.client, killed, 'turn_finished')).toMatchObject({ outcome: 'failed' });
  expect(await answersOf(server, killed)).toEqual(cutOff);

  const left = await holding(server);
  await until(
    async () => (await database.sql`select from boocode.unfinished_messages where chat_id = ${left}`).length > 0,
  );
  server.program.kill('SIGKILL');
  await server.program.ended();
  server = await home.serve('serve');
  expect(await nextEvent(server.client, left, 'turn_finished')).toMatchObject({ outcome: 'interrupted' });
  expect(await answersOf(server, left)).toEqual(cutOff);
  const transcript = await database.sql<{ entry: string }[]>`
    select entry::text as entry from boocode.claude_session_entries where project_key = ${left}`;
  // The log is the only record of it.
  expect(transcript.length).toBeGreaterThan(0);
  expect(transcript.filter(({ entry }) => entry.includes('I hold here'))).toEqual([]);
  const shown = await home.run(['show', left]);
  expect(shown.stdout).toMatch(/^I hold here\. *\n· Cut off here: the turn ended while this was being written\.$/m);
  server.program.kill('SIGTERM');
  await server.program.ended();
}, 90_000);
