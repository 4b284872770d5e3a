// Decisions that outlive the process that asked: the answer takes effect on the very call that was asked about.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CreateChat } from '../../src/protocol/chat.ts';
import type { AnswerDecision } from '../../src/protocol/decision.ts';
import type { EventOf } from '../../src/protocol/event.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { addAskingServers, askPrompt } from '../support/asking-servers.ts';
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
  server = await home.serve('serve');
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

/** A chat of its own whose agent asks whether it may run a command. */
async function asking(content?: string, settings: Partial<CreateChat> = {}): Promise<Waiting> {
  const cwd = join(home.workDir, `chat-${(count += 1)}`);
  await mkdir(cwd);
  const file = join(cwd, 'ran');
  const { id: chatId } = await server.client.createChat({ cwd, backend: 'claude_sdk', ...settings });
  await server.client.prompt(chatId, { content: (content ?? 'run: printf x >> FILE').replaceAll('FILE', file) });
  const asked = await nextEvent(server.client, chatId, 'decision_requested');
  const ran = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  return { chatId, asked, ran };
}

async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  server.program.kill(signal);
  await server.program.ended();
}

async function restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  await end(signal);
  server = await home.serve('serve');
}

const endings = {
  'SIGKILL of the server': async () => {
    const mark = markOf(server.program.identity);
    await end('SIGKILL');
    // The program, whose host has gone, still writes that its question failed.
    await until(() => processesWith(mark).length === 0, { what: 'the end of the agents' });
    server = await home.serve('serve');
  },
  'a stop of the server': () => restart('SIGTERM'),
  'SIGKILL of the agent': async ({ chatId }: Waiting) => {
    const ours = processesWith(markOf(server.program.identity)).filter(({ command }) =>
      command.includes('stream-json'),
    );
    for (const { pid } of ours) process.kill(pid, 'SIGKILL');
    await nextEvent(server.client, chatId, 'turn_finished');
  },
};

describe.each(Object.keys(endings) as (keyof typeof endings)[])('after %s', (how) => {
  test('DECIDE-14: a permission stays pending, and its answer runs the very call once', async () => {
    const waiting = await asking();
    const { chatId, asked, ran } = waiting;
    await endings[how](waiting);
    const requests = model.requests.length;
    const { client } = server;
    expect(await client.getChat(chatId)).toMatchObject({ state: 'waiting' });
    const ended = await nextEvent(client, chatId, 'turn_finished');
    expect(ended).toMatchObject({ turnId: asked.turnId, openDecisionIds: [asked.decisionId] });
    // It waits behind the turn that has not ended for people.
    await client.prompt(chatId, { content: 'stream 2 tokens' });
    expect(await client.getChat(chatId)).toMatchObject({ state: 'waiting', waiting: 1 });

    await client.decide(asked.decisionId, { outcome: 'allow' });
    const started = await nextEvent(client, chatId, 'turn_started', { after: ended.seq });
    expect(started).toMatchObject({ promptIds: [], continuesTurnId: asked.turnId });
    const last = await nextEvent(client, chatId, 'turn_finished', { after: started.seq });
    expect(last).toMatchObject({ turnId: started.turnId, outcome: 'completed' });
    expect(ran()).toBe('x');
    // One for the call's result: nothing is asked again.
    expect(model.requests.length - requests).toBe(1);
    const next = await nextEvent(client, chatId, 'turn_finished', { after: last.seq });
    expect(next.outcome).toBe('completed');
    const log = await readLog(client, chatId);
    expect(eventsOf(log, 'decision_requested')).toHaveLength(1);
    expect(eventsOf(log, 'notice').filter(({ level }) => level !== 'info')).toEqual([]);
    expect(ran()).toBe('x');
  }, 90_000);
});

/** The turn that follows the one in which something was asked. */
async function continued({ chatId, asked }: Waiting) {
  const started = await nextEvent(server.client, chatId, 'turn_started', { after: asked.seq });
  const { outcome } = await nextEvent(server.client, chatId, 'turn_finished', { after: started.seq });
  const log = await readLog(server.client, chatId);
  const events = log.filter(({ turnId }) => turnId === started.turnId);
  return { continuesTurnId: started.continuesTurnId, outcome, events, result: eventsOf(events, 'tool_call_update')[0] };
}

/** Two clients answer at once: one of them settles it. */
async function decideTwice(decisionId: string, answer: AnswerDecision): Promise<void> {
  const both = await Promise.allSettled([1, 2].map(() => server.client.decide(decisionId, answer)));
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  const refused = both.find((each) => each.status === 'rejected');
  expect(refused?.reason).toMatchObject({ code: 'decision_settled' });
}

describe('DECIDE-14: when the server is killed while six chats ask', () => {
  test('each kind of answer takes effect on the call that was asked about', async () => {
    const denied = await asking();
    const edited = await asking();
    const question = await asking('ask me');
    const plan = await asking('make a plan', { permissionMode: 'plan' });
    const two = 'call Bash: {"command":"printf x >> FILE","description":"d"}';
    const parallel = await asking(`${two}\n${two}`);
    await server.client.decide(parallel.asked.decisionId, { outcome: 'allow' });
    const second = await nextEvent(server.client, parallel.chatId, 'decision_requested', { after: parallel.asked.seq });
    const requestedSchema = { type: 'object', properties: { seats: { type: 'integer' } } };
    const booking = { mode: 'form', message: 'How many seats?', requestedSchema };
    await addAskingServers(home.home, home.workDir, ['travel'], { booking });
    const form = await asking(askPrompt({ server: 'travel', request: 'booking' }), {
      permissionMode: 'bypassPermissions',
    });
    expect(form.asked.kind).toBe('form');
    await endings['SIGKILL of the server']();
    const { client } = server;
    const requests = model.requests.length;

    // A form ends with the server that asked, and says so.
    const [withdrawn] = eventsOf(await readLog(client, form.chatId), 'decision_resolved');
    expect(withdrawn).toMatchObject({
      outcome: 'cancelled',
      message: expect.stringContaining('MCP server that asked'),
    });
    const late = client.decide(form.asked.decisionId, { outcome: 'deny' });
    await expect(late).rejects.toMatchObject({ code: 'decision_settled' });

    await decideTwice(denied.asked.decisionId, { outcome: 'deny', message: 'Not today.' });
    expect(await continued(denied)).toMatchObject({
      continuesTurnId: denied.asked.turnId,
      outcome: 'completed',
      result: { toolCallId: denied.asked.toolCallId, status: 'failed', content: [{ content: { text: 'Not today.' } }] },
    });
    expect(denied.ran()).toBe('');

    const input = { ...edited.asked.input, command: (edited.asked.input['command'] as string).replace('x', 'edited') };
    const wrong = { outcome: 'allow' as const, input: { ...input, command: 7 } };
    await expect(client.decide(edited.asked.decisionId, wrong)).rejects.toMatchObject({ code: 'invalid_request' });
    await decideTwice(edited.asked.decisionId, { outcome: 'allow', input });
    await continued(edited);
    expect(edited.ran()).toBe('edited');

    const { questions } = question.asked.input as { questions: { question: string; options: { label: string }[] }[] };
    const answers = { [questions[0]!.question]: questions[0]!.options[1]!.label };
    await decideTwice(question.asked.decisionId, { outcome: 'allow', input: { questions, answers } });
    const { result } = await continued(question);
    expect(JSON.stringify(result)).toContain(questions[0]!.options[1]!.label);

    await decideTwice(plan.asked.decisionId, { outcome: 'allow' });
    expect((await continued(plan)).outcome).toBe('completed');
    expect((await client.getChat(plan.chatId)).permissionMode).toBe('default');

    await decideTwice(second.decisionId, { outcome: 'allow' });
    await continued({ ...parallel, asked: second });
    expect(parallel.ran()).toBe('xx');
    // One request for each call's result.
    expect(model.requests.length - requests).toBe(5);
  }, 180_000);
});

test('DECIDE-20: a sub-agent that asked before SIGKILL of the server starts over, and the answer runs its call once', async () => {
  const allowed = await asking('use a sub-agent: run: printf x >> FILE');
  const denied = await asking('use a sub-agent: run: printf x >> FILE');
  expect(allowed.asked.subagentCallId).toBeDefined();
  await endings['SIGKILL of the server']();
  const { client } = server;
  const { items } = await client.listDecisions({ status: 'pending' });
  expect(items.map(({ id }) => id)).toEqual(expect.arrayContaining([allowed.asked.decisionId]));
  await client.decide(allowed.asked.decisionId, { outcome: 'allow' });
  await client.decide(denied.asked.decisionId, { outcome: 'deny', message: 'Not today.' });
  expect(await continued(allowed)).toMatchObject({ continuesTurnId: allowed.asked.turnId, outcome: 'completed' });
  expect(JSON.stringify((await continued(denied)).result)).toContain('Not today.');
  expect([allowed.ran(), denied.ran()]).toEqual(['x', '']);
  const log = await readLog(client, allowed.chatId);
  expect(eventsOf(log, 'decision_requested')).toHaveLength(1);
  expect(eventsOf(log, 'notice').filter(({ level }) => level !== 'info')).toEqual([]);
}, 120_000);

test('CLI-20: who waits for a turn gets the end of the one that continues it, even if the server was killed', async () => {
  const [sent, called] = await Promise.all(
    [0, 1].map(async () => {
      const cwd = join(home.workDir, `chat-${(count += 1)}`);
      await mkdir(cwd);
      const { id } = await server.client.createChat({ cwd, backend: 'claude_sdk' });
      return { id, command: `run: printf x >> ${join(cwd, 'ran')}`, ran: () => readFileSync(join(cwd, 'ran'), 'utf8') };
    }),
  );
  const { client } = server;
  const send = home.start(['send', sent!.id, sent!.command, '--wait', '--json']);
  const run = client.run(called!.id, called!.command, {
    onItem: (item) => {
      if (item.kind !== 'event' || item.event.type !== 'turn_finished') return;
      for (const id of item.event.openDecisionIds ?? []) void client.decide(id, { outcome: 'allow' });
    },
  });
  for (const chat of [sent, called]) await nextEvent(client, chat!.id, 'decision_requested');
  await end('SIGKILL');
  server = await home.serve('serve', ['--port', new URL(server.url).port]);
  expect(await run).toMatchObject({ outcome: 'completed', answer: expect.stringMatching(/./) });
  await until(() => /The turn continues when[^]*boocode decide/.test(send.stderr), { what: 'how to answer' });
  const asked = await nextEvent(server.client, sent!.id, 'decision_requested');
  await server.client.decide(asked.decisionId, { outcome: 'allow' });
  expect((await send.ended(60_000)).code).toBe(0);
  const lines = send.stdout.trimEnd().split('\n');
  const { outcome, turnId, text } = JSON.parse(lines.at(-1)!) as Record<string, string>;
  const started = await nextEvent(server.client, sent!.id, 'turn_started', { after: asked.seq });
  expect({ outcome, turnId, continues: started.continuesTurnId }).toEqual({
    outcome: 'completed',
    turnId: started.turnId,
    continues: asked.turnId,
  });
  expect(text).not.toBe('');
  expect([sent!.ran(), called!.ran()]).toEqual(['x', 'x']);
}, 120_000);

test('DECIDE-16: an interrupt cancels what waits without a process, and the prompts behind it run', async () => {
  const waiting = await asking();
  await endings['a stop of the server']();
  const { client } = server;
  await client.prompt(waiting.chatId, { content: 'stream 2 tokens' });
  expect((await client.interrupt(waiting.chatId)).interrupted).toBe(true);
  const { outcome } = await continued(waiting);
  expect(outcome).toBe('completed');
  const [resolved] = eventsOf(await readLog(client, waiting.chatId), 'decision_resolved');
  expect(resolved).toMatchObject({ outcome: 'cancelled', principal: { role: 'owner' } });
  expect(waiting.ran()).toBe('');
}, 90_000);

test('DECIDE-17: a turn that waits for a person longer than the idle limit frees its process, and wakes on the answer', async () => {
  await end('SIGTERM');
  server = await home.serve('serve', ['--idle-seconds', '1']);
  const waiting = await asking();
  const mark = markOf(server.program.identity);
  await until(() => !processesWith(mark).some(({ command }) => command.includes('stream-json')), {
    what: 'the end of the process',
  });
  const ended = await nextEvent(server.client, waiting.chatId, 'turn_finished');
  expect(ended).toMatchObject({ outcome: 'interrupted', openDecisionIds: [waiting.asked.decisionId] });
  expect((await server.client.getChat(waiting.chatId)).state).toBe('waiting');
  await server.client.decide(waiting.asked.decisionId, { outcome: 'allow' });
  expect((await continued(waiting)).outcome).toBe('completed');
  expect(waiting.ran()).toBe('x');
}, 90_000);
