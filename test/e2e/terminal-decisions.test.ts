// Decisions of the terminal engine that outlive the program that asked: a process without a terminal continues the call.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CreateChat } from '../../src/protocol/chat.ts';
import type { AnswerDecision } from '../../src/protocol/decision.ts';
import type { EventOf } from '../../src/protocol/event.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
  server = await home.serve('serve', ['--idle-seconds', '1']);
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

let count = 0;
interface Waiting {
  chatId: string;
  asked: EventOf<'decision_requested'>;
  /** What the call writes: one letter for each time it ran. */
  ran: () => string;
}

async function asking(content = 'run: printf x >> FILE', settings: Partial<CreateChat> = {}): Promise<Waiting> {
  const cwd = join(home.workDir, `chat-${(count += 1)}`);
  await mkdir(cwd);
  const file = join(cwd, 'ran');
  const { id: chatId } = await server.client.createChat({ cwd, backend: 'claude_pty', ...settings });
  await server.client.prompt(chatId, { content: content.replaceAll('FILE', file) });
  const asked = await nextEvent(server.client, chatId, 'decision_requested');
  return { chatId, asked, ran: () => (existsSync(file) ? readFileSync(file, 'utf8') : '') };
}

/** Answers, and waits for the end of the turn that continues. */
async function answer({ chatId, asked }: Waiting, given: AnswerDecision) {
  await server.client.decide(asked.decisionId, given);
  const started = await nextEvent(server.client, chatId, 'turn_started', { after: asked.seq });
  const { outcome } = await nextEvent(server.client, chatId, 'turn_finished', { after: started.seq });
  const events = (await readLog(server.client, chatId)).filter(({ turnId }) => turnId === started.turnId);
  expect([outcome, started.continuesTurnId]).toEqual(['completed', asked.turnId]);
  return JSON.stringify(eventsOf(events, 'tool_call_update'));
}

/** Requests of the agent itself. The program also asks for titles and the like. */
const requests = (): number =>
  model.requests.filter(({ body }) => ((body as { tools?: unknown[] }).tools?.length ?? 0) > 0).length;

const programs = () =>
  processesWith(markOf(server.program.identity)).filter(({ command }) => command.includes('--permission-mode'));

test('DECIDE-14: a permission, a question and a plan of the terminal program outlive SIGKILL of the server', async () => {
  const allowed = await asking();
  const denied = await asking();
  const question = await asking('ask me');
  const plan = await asking('make a plan', { permissionMode: 'plan' });
  const mark = markOf(server.program.identity);
  server.program.kill('SIGKILL');
  await server.program.ended();
  await until(() => processesWith(mark).length === 0, { what: 'the end of the programs' });
  server = await home.serve('serve', ['--idle-seconds', '1']);
  const before = requests();
  for (const { chatId, asked } of [allowed, denied, question, plan]) {
    const ended = await nextEvent(server.client, chatId, 'turn_finished');
    expect(ended).toMatchObject({ outcome: 'interrupted', openDecisionIds: [asked.decisionId] });
    expect((await server.client.getChat(chatId)).state).toBe('waiting');
  }

  await answer(allowed, { outcome: 'allow' });
  expect(allowed.ran()).toBe('x');
  expect(await answer(denied, { outcome: 'deny', message: 'Not today.' })).toContain('Not today.');
  expect(denied.ran()).toBe('');
  const { questions } = question.asked.input as { questions: { question: string; options: { label: string }[] }[] };
  const [{ question: words, options }] = questions as [(typeof questions)[0]];
  const input = { questions, answers: { [words]: options[1]!.label } };
  expect(await answer(question, { outcome: 'allow', input })).toContain(options[1]!.label);
  await answer(plan, { outcome: 'allow' });
  expect((await server.client.getChat(plan.chatId)).permissionMode).toBe('default');
  // One for each call's result: nothing is asked again.
  expect(requests() - before).toBe(4);

  // The next turn runs in the terminal again, and knows what was said.
  const last = (await readLog(server.client, allowed.chatId)).at(-1)!.seq;
  await server.client.prompt(allowed.chatId, { content: 'what did I say' });
  await nextEvent(server.client, allowed.chatId, 'turn_finished', { after: last });
  const said = eventsOf(await readLog(server.client, allowed.chatId), 'agent_message').at(-1);
  expect(JSON.stringify(said)).toContain('run: printf x');
  expect(allowed.ran()).toBe('x');
}, 180_000);

test('DECIDE-16: a flip takes the decision along, from the terminal and to it', async () => {
  const waiting = await asking();
  const { chatId, asked } = waiting;
  expect(await server.client.patchChat(chatId, { backend: 'claude_sdk' })).toMatchObject({ state: 'waiting' });
  await answer(waiting, { outcome: 'allow' });
  expect(waiting.ran()).toBe('x');

  const other = await asking(undefined, { backend: 'claude_sdk' });
  expect(await server.client.patchChat(other.chatId, { backend: 'claude_pty' })).toMatchObject({ state: 'waiting' });
  await answer(other, { outcome: 'allow' });
  expect(other.ran()).toBe('x');
  expect(eventsOf(await readLog(server.client, chatId), 'decision_resolved')).toMatchObject([
    { decisionId: asked.decisionId, outcome: 'allow' },
  ]);
}, 120_000);

test('DECIDE-17: the terminal program is freed after the idle limit, and the answer still takes effect', async () => {
  const waiting = await asking();
  await nextEvent(server.client, waiting.chatId, 'turn_finished');
  await until(() => programs().length === 0, { what: 'the end of the program' });
  expect((await server.client.getChat(waiting.chatId)).state).toBe('waiting');
  await answer(waiting, { outcome: 'allow' });
  expect(waiting.ran()).toBe('x');
}, 90_000);
