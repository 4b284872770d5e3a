import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AgentEvent, AgentEventOf, DecisionAnswer } from '../agents/agent-backend.ts';
import { assertDense, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, type ScriptedTurn } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import type { EventOf } from '../protocol/event.ts';
import { stopHost } from '../store/hosts.ts';

let database: TestDatabase;
let here: ChatsHost;
/** The answers the scripted agent received. */
let heard: DecisionAnswer[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
  heard = [];
});
afterEach(() => here.close());

/** Asks once per turn. */
function askWith(question: Partial<AgentEventOf<'decision_requested'>> = {}) {
  return async function* (turn: ScriptedTurn): AsyncGenerator<AgentEvent> {
    const answer = yield* turn.ask(question);
    heard.push(answer);
    yield said(`It was ${answer.outcome}.`);
    yield finished();
  };
}

/** A chat whose agent asks and waits. */
async function openQuestion(question: Partial<AgentEventOf<'decision_requested'>> = {}): Promise<{
  id: string;
  asked: EventOf<'decision_requested'>;
}> {
  here.backend.script = askWith(question);
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  const [asked] = await here.events(id, 'decision_requested');
  return { id, asked: asked! };
}

const rowOf = async (decisionId: string): Promise<Record<string, unknown>> => {
  const [row] = await database.sql`
    select outcome, resolved_by as by, answer, input from boocode.decisions where id = ${decisionId}`;
  return { ...row };
};

test('DECIDE-1: a question from the agent is stored as a row and an event before anyone sees it', async () => {
  const input = { plan: 'rm -rf \u0000\ud800', nested: { deep: [1, null] } };
  here.backend.script = askWith({
    input,
    title: 'Bash: NUL \u0000',
    toolName: 'Ba\u0000sh',
    toolCallId: 'call\u0000',
    kind: 'plan',
  });
  const { id } = await here.createChat();
  const reader = await here.follow(id);
  await here.chats.submitPrompt(id, { content: 'go' });
  const seen = await reader.until((item) => item.kind === 'event' && item.event.type === 'decision_requested');
  // At that moment it can already be found, listed and answered.
  const { decisionId } = (seen as { event: EventOf<'decision_requested'> }).event;
  const { items } = await here.chats.listDecisions({ status: 'pending', chatId: id, limit: 10 });
  expect(items).toMatchObject([
    { id: decisionId, chatId: id, kind: 'plan', input, title: 'Bash: NUL ␀', toolName: 'Ba␀sh', toolCallId: 'call␀' },
  ]);
  expect(items).toMatchObject([{ status: 'pending', resolvedAt: null }]);
  expect(here.host.find(id)?.state).toBe('waiting');
  await here.chats.via('me').answerDecision(decisionId, { outcome: 'allow' });
  expect((await here.events(id, 'turn_finished'))[0]).toMatchObject({ outcome: 'completed' });
  expect(heard).toEqual([{ outcome: 'allow' }]);
});

test('DECIDE-2: of fifty concurrent answers one wins, and the other 49 get a conflict with the winner', async () => {
  const { id, asked } = await openQuestion();
  const answers = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) =>
      here.chats
        .via(`client ${index}`)
        .answerDecision(asked.decisionId, { outcome: index % 2 === 0 ? 'allow' : 'deny' }),
    ),
  );
  const won = answers.filter((answer) => answer.status === 'fulfilled').map((answer) => answer.value);
  expect(won).toHaveLength(1);
  const winner = won[0]!;
  expect(winner).toMatchObject({ id: asked.decisionId, status: 'resolved' });
  const lost = answers.filter((answer) => answer.status === 'rejected').map((answer) => answer.reason as unknown);
  expect(lost).toHaveLength(49);
  for (const error of lost) expect(error).toMatchObject({ code: 'decision_settled', details: { decision: winner } });

  await here.events(id, 'turn_finished');
  expect(heard).toEqual([{ outcome: winner.outcome }]);
  expect(await here.events(id, 'decision_resolved')).toMatchObject([
    { decisionId: asked.decisionId, outcome: winner.outcome, by: 'owner', via: winner.via },
  ]);
  const late = here.chats.via('late').answerDecision(asked.decisionId, { outcome: 'allow' });
  await expect(late).rejects.toMatchObject({ code: 'decision_settled', details: { decision: winner } });
  assertDense(await here.log(id));
});

test('DECIDE-3: the agent gets the edited input, and the row keeps the original', async () => {
  const { id, asked } = await openQuestion();
  const input = { command: 'echo edited' };
  await here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'allow', input });
  await here.events(id, 'turn_finished');
  expect(heard).toEqual([{ outcome: 'allow', input }]);
  const row = await rowOf(asked.decisionId);
  expect(JSON.parse(row['answer'] as string)).toEqual({ outcome: 'allow', input });
  expect(JSON.parse(row['input'] as string)).toEqual({ command: 'echo hello' });
});

test('DECIDE-3: a denial carries its message to the agent and into the log', async () => {
  const { id, asked } = await openQuestion();
  await here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'deny', message: 'Not on Friday.' });
  await here.events(id, 'turn_finished');
  expect(heard).toEqual([{ outcome: 'deny', message: 'Not on Friday.' }]);
  expect(await here.events(id, 'decision_resolved')).toMatchObject([
    { by: 'owner', via: 'me', message: 'Not on Friday.' },
  ]);
});

test('DECIDE-4: an interrupt cancels an open decision once, and later answers are refused', async () => {
  const { id, asked } = await openQuestion();
  await here.chats.interrupt(id);
  const [end] = await here.events(id, 'turn_finished');
  expect(end).toMatchObject({ outcome: 'interrupted' });
  expect(await here.events(id, 'decision_resolved')).toMatchObject([{ outcome: 'cancelled', by: 'agent' }]);
  await expect(here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'allow' })).rejects.toMatchObject({
    code: 'decision_settled',
    details: { decision: { outcome: 'cancelled', by: 'agent' } },
  });
  expect(heard).toEqual([]);
});

test('DECIDE-4: a turn that ends by itself cancels its open decisions', async () => {
  here.backend.script = async function* (turn) {
    const asking = turn.ask({});
    for (let count = 0; count < 2; count += 1) {
      const next = await turn.ask({}).next();
      if (next.done !== true) yield next.value;
    }
    await asking.return({ outcome: 'deny' });
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  const log = await here.log(id);
  const asked = log.flatMap((event) => (event.type === 'decision_requested' ? [event.decisionId] : []));
  const cancelled = log.flatMap((event) => (event.type === 'decision_resolved' ? [event.decisionId] : []));
  expect(asked).toHaveLength(2);
  expect(cancelled.toSorted()).toEqual(asked.toSorted());
  expect(log.at(-1)?.type).toBe('turn_finished');
  expect((await here.chats.listDecisions({ status: 'pending', chatId: id, limit: 10 })).items).toEqual([]);
});

test('DECIDE-4 TURN-2: the next host cancels the open decisions of a dead host', async () => {
  const { id, asked } = await openQuestion();
  await here.kill();
  await stopHost(database.sql, here.id);
  here = await openChatsHost(database.url);
  await here.events(id, 'turn_finished');
  const log = await here.log(id);
  expect(log.slice(-2)).toMatchObject([
    { type: 'decision_resolved', decisionId: asked.decisionId, outcome: 'cancelled', by: 'host' },
    { type: 'turn_finished', outcome: 'interrupted', error: { code: 'host_restarted' } },
  ]);
  await expect(here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'allow' })).rejects.toMatchObject({
    code: 'decision_settled',
  });
});

test('DECIDE-2: an answer that cannot be stored settles nothing and can be sent again', async () => {
  const { id, asked } = await openQuestion();
  const full = `create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no space' using errcode = 'disk_full'; end $$;
    create trigger refuse before update on decisions execute function refuse()`;
  await database.sql.unsafe(full);
  try {
    await expect(here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'allow' })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
  } finally {
    await database.sql.unsafe('drop trigger refuse on decisions; drop function refuse()');
  }
  expect(heard).toEqual([]);
  expect(await rowOf(asked.decisionId)).toMatchObject({ outcome: null });
  await here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'allow' });
  await here.events(id, 'turn_finished');
  expect(heard).toEqual([{ outcome: 'allow' }]);
  assertDense(await here.log(id));
});

const questions = [
  { question: 'Which?', header: 'W', multiSelect: false, options: [{ label: 'This', description: '' }] },
  { question: 'Why?', header: 'Y', multiSelect: true, options: [{ label: 'So', description: '' }] },
];
const answers = { 'Which?': 'This', 'Why?': 'So, because' };

test.each<[string, Partial<AgentEventOf<'decision_requested'>>, AnswerDecision, string]>([
  ['a rule that nobody would remember', { kind: 'question' }, { outcome: 'allow_always', input: {} }, 'outcome'],
  ['a question without an answer', { kind: 'question' }, { outcome: 'allow' }, 'input'],
  [
    'a question with one answer of two',
    { kind: 'question', input: { questions } },
    { outcome: 'allow', input: { questions, answers: { 'Which?': 'This' } } },
    'input.answers.Why?',
  ],
  ['a plan that has no text', { kind: 'plan', input: {} }, { outcome: 'allow' }, 'outcome'],
  ['a plan of blanks', { kind: 'plan', input: { plan: ' \n' } }, { outcome: 'allow' }, 'outcome'],
  [
    'no plan in place of a plan',
    { kind: 'plan', input: { plan: '# P', file: '/a' } },
    { outcome: 'allow', input: { file: '/a' } },
    'input.plan',
  ],
  [
    'a plan in another file',
    { kind: 'plan', input: { plan: '# P', file: '/a' } },
    { outcome: 'allow', input: { plan: '# Q', file: '/b' } },
    'input.file',
  ],
  [
    'an edited call as the rule',
    { canAllowAlways: true },
    { outcome: 'allow_always', input: { command: 'echo edited' } },
    'input',
  ],
  [
    'half a character',
    { input: { command: 'a', nested: ['\ud800'] } },
    { outcome: 'allow', input: { command: 'a', nested: ['b', { c: '\udc00' }] } },
    'input.nested[1].c',
  ],
])(
  'DECIDE-9 DECIDE-10: an invalid answer is refused and leaves the decision open: %s',
  async (_, question, answer, field) => {
    const { id, asked } = await openQuestion(question);
    const { decisionId } = asked;
    const before = await here.log(id);
    const refused = here.chats.via('me').answerDecision(decisionId, answer);
    await expect(refused).rejects.toMatchObject({ code: 'invalid_request', details: { field } });
    expect(await rowOf(decisionId)).toMatchObject({ outcome: null, by: null, answer: null });
    expect(await here.log(id)).toEqual(before);
    expect(here.host.find(id)?.state).toBe('waiting');
    await here.chats.via('me').answerDecision(decisionId, { outcome: 'deny' });
    await here.events(id, 'turn_finished');
    expect(heard).toEqual([{ outcome: 'deny' }]);
  },
);

test('an answer to a missing decision is refused', async () => {
  await expect(here.chats.via('me').answerDecision(randomUUID(), { outcome: 'deny' })).rejects.toMatchObject({
    code: 'not_found',
  });
});

test('DECIDE-10: accepts an answer to each question, and an edited text for a plan', async () => {
  for (const [kind, input, edited] of [
    ['question', { questions, more: 1 }, { more: 1, questions, answers, annotations: { 'Why?': { notes: 'n' } } }],
    ['plan', { plan: '# P', file: '/a' }, { plan: '# Q', file: '/a' }],
  ] as const) {
    const { id, asked } = await openQuestion({ kind, input });
    await here.chats.via('me').answerDecision(asked.decisionId, { outcome: 'allow', input: edited });
    await here.events(id, 'turn_finished');
    expect(heard.splice(0)).toEqual([{ outcome: 'allow', input: edited }]);
    expect(await here.events(id, 'decision_resolved')).toMatchObject([{ input: edited }]);
  }
});

test('DECIDE-3: sending back the unchanged input counts as no edit, also with allow_always', async () => {
  for (const outcome of ['allow', 'allow_always'] as const) {
    const { id, asked } = await openQuestion({ canAllowAlways: true, input: { b: 1, a: [{ c: 'x\ud800' }] } });
    await here.chats.via('me').answerDecision(asked.decisionId, { outcome, input: { a: [{ c: 'x\ud800' }], b: 1 } });
    await here.events(id, 'turn_finished');
    expect(heard.splice(0)).toEqual([{ outcome }]);
    const [resolved] = await here.events(id, 'decision_resolved');
    expect(resolved).toMatchObject({ outcome, by: 'owner', via: 'me' });
    expect(resolved).not.toHaveProperty('input');
    expect(JSON.parse((await rowOf(asked.decisionId))['answer'] as string)).toEqual({ outcome });
  }
});

test('DECIDE-9: an edit the agent would not run as written is refused; after a valid answer it is a conflict', async () => {
  here.backend.check = ({ input }) => (input ? { field: 'input.command', message: 'must be text' } : 'fine');
  const { id, asked } = await openQuestion();
  const edited = { outcome: 'allow', input: { command: 5 } } as const;
  await expect(here.chats.via('me').answerDecision(asked.decisionId, edited)).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'input.command: must be text',
    details: { field: 'input.command' },
  });
  expect(await rowOf(asked.decisionId)).toMatchObject({ outcome: null });
  await here.chats.via('first').answerDecision(asked.decisionId, { outcome: 'allow' });
  await expect(here.chats.via('second').answerDecision(asked.decisionId, edited)).rejects.toMatchObject({
    code: 'decision_settled',
    details: { decision: { outcome: 'allow', by: 'owner', via: 'first' } },
  });
  await here.events(id, 'turn_finished');
  expect(heard).toEqual([{ outcome: 'allow' }]);
});

test('DECIDE-3: an answer the agent no longer waits for is a conflict with the outcome that settled it', async () => {
  let tell = (): void => {};
  here.backend.script = async function* (turn) {
    const decisionId = randomUUID();
    const asking = turn.ask({ decisionId });
    const next = await asking.next();
    if (next.done !== true) yield next.value;
    await new Promise<void>((resolve) => (tell = resolve));
    yield { type: 'decision_resolved', decisionId, outcome: 'deny', by: 'terminal' };
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  const [asked] = await here.events(id, 'decision_requested');
  // A key was pressed in the terminal, but the log does not have the answer yet.
  here.backend.check = () => {
    setImmediate(tell);
    return 'settled';
  };
  const late = here.chats.via('late').answerDecision(asked!.decisionId, { outcome: 'allow' });
  await expect(late).rejects.toMatchObject({
    code: 'decision_settled',
    details: { decision: { outcome: 'deny', by: 'terminal', status: 'resolved' } },
  });
  expect(await here.events(id, 'decision_resolved')).toMatchObject([{ outcome: 'deny', by: 'terminal' }]);
});

test('lists decisions page by page, oldest first, by status and by chat', async () => {
  here.backend.script = askWith();
  const chats = await Promise.all([here.createChat(), here.createChat()]);
  const ids: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    for (const { id } of chats) {
      await here.chats.submitPrompt(id, { content: 'go' });
      const asked = await here.events(id, 'decision_requested', round + 1);
      ids.push(asked[round]!.decisionId);
      if (round < 2) await here.chats.via('me').answerDecision(asked[round]!.decisionId, { outcome: 'deny' });
      await until(
        async () => (await here.log(id)).filter((e) => e.type === 'turn_finished').length >= Math.min(round + 1, 2),
      );
    }
  }
  const read = async (page: Partial<Parameters<ChatsHost['chats']['listDecisions']>[0]>): Promise<Decision[]> => {
    const found: Decision[] = [];
    let after: string | undefined;
    do {
      const part = await here.chats.listDecisions({ limit: 2, after, ...page });
      expect(part.items.length).toBeLessThanOrEqual(2);
      found.push(...part.items);
      after = part.next ?? undefined;
    } while (after !== undefined);
    return found.filter((decision) => ids.includes(decision.id));
  };
  expect((await read({})).map((decision) => decision.id)).toEqual(ids);
  expect((await read({ status: 'pending' })).map((decision) => decision.id)).toEqual(ids.slice(4));
  expect((await read({ status: 'resolved' })).map((decision) => decision.id)).toEqual(ids.slice(0, 4));
  expect((await read({ chatId: chats[0]!.id })).map((decision) => decision.id)).toEqual([ids[0], ids[2], ids[4]]);
  const first = await here.chats.listDecisions({ chatId: chats[0]!.id, limit: 1 });
  expect(first.items.map(({ id, resolvedAt }) => [id, new Date(resolvedAt ?? '').toISOString()])).toEqual([
    [ids[0], first.items[0]?.resolvedAt],
  ]);
  const second = await here.chats.listDecisions({ limit: 1, after: first.next ?? undefined, chatId: chats[0]!.id });
  expect(second.items.map(({ id }) => id)).toEqual([ids[2]]);
  await expect(here.chats.listDecisions({ limit: 2, after: 'x' })).rejects.toMatchObject({
    details: { field: 'after' },
  });
});
