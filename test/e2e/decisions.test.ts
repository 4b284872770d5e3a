import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decision as decisionSchema, decisionPage } from '../../src/protocol/decision.ts';
import type { Event, EventOf } from '../../src/protocol/event.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, followUntil, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const file = (name: string): string => join(server.workDir, name);

let shared: string | undefined;

/**
 * The chat that tests share if they change nothing about it, because starting the program is slow. A new one if a test was
 * cut short in it.
 */
async function sharedChat(): Promise<string> {
  if (shared !== undefined && (await server.client.getChat(shared)).state === 'ready') return shared;
  return (shared = (await server.createChat()).id);
}

interface Asked {
  chatId: string;
  asked: EventOf<'decision_requested'>;
  /** What was logged since the prompt. */
  log: () => Promise<Event[]>;
}

/** Sends a prompt, and waits until the agent asks for a decision. */
async function askedFor(prompt: string): Promise<Asked> {
  const chatId = await sharedChat();
  const { head } = await server.client.getChat(chatId);
  await server.client.prompt(chatId, { content: prompt });
  return {
    chatId,
    asked: await nextEvent(server.client, chatId, 'decision_requested', { after: head }),
    log: async () => (await readLog(server.client, chatId)).filter(({ seq }) => seq > head),
  };
}

/** The end of the turn in which something was asked. */
const turnEnded = ({ chatId, asked }: Asked) => nextEvent(server.client, chatId, 'turn_finished', { after: asked.seq });

const answer = (id: string, body: unknown, headers: Record<string, string> = {}) =>
  server.call('POST', `/v1/decisions/${id}`, { body, headers });

describe('a decision', () => {
  test('DECIDE-1 DECIDE-2: is listed while pending; the first answer wins, the second learns who won', async () => {
    const { client, sql } = server;
    const decision = await askedFor('run: touch allowed');
    const { chatId, asked } = decision;
    expect(await sql`select outcome from boocode.decisions where id = ${asked.decisionId}`).toEqual([
      { outcome: null },
    ]);
    expect((await client.getChat(chatId)).state).toBe('waiting');
    const listed = await server.call('GET', `/v1/decisions?status=pending&chatId=${chatId}`);
    expect(decisionPage.parse(listed.body)).toMatchObject({
      items: [
        {
          id: asked.decisionId,
          chatId,
          kind: 'permission',
          title: asked.title,
          toolCallId: asked.toolCallId,
          status: 'pending',
          outcome: null,
          by: null,
        },
      ],
      next: null,
    });
    expect(asked.input).toMatchObject({ command: 'touch allowed' });
    expect(existsSync(file('allowed'))).toBe(false);

    const won = await answer(asked.decisionId, { outcome: 'allow' }, { 'boocode-client': 'Ada' });
    expect(won.status).toBe(200);
    expect(decisionSchema.parse(won.body)).toMatchObject({
      status: 'resolved',
      outcome: 'allow',
      by: 'owner',
      via: 'Ada',
    });
    const lost = await answer(asked.decisionId, { outcome: 'deny' }, { 'boocode-client': 'Bob' });
    expect(lost).toMatchObject({ status: 409, body: { code: 'decision_settled', decision: won.body } });

    await turnEnded(decision);
    expect(existsSync(file('allowed'))).toBe(true);
    const resolved = eventsOf(await decision.log(), 'decision_resolved');
    expect(resolved).toMatchObject([{ decisionId: asked.decisionId, outcome: 'allow', by: 'owner', via: 'Ada' }]);
    expect((await client.listDecisions({ status: 'pending', chatId })).items).toEqual([]);
  });

  test('DECIDE-2: has one winner among twenty concurrent answers', async () => {
    const decision = await askedFor('run: touch raced');
    const { asked } = decision;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        answer(asked.decisionId, { outcome: index % 2 ? 'allow' : 'deny' }, { 'boocode-client': `c${index}` }),
      ),
    );
    const [winner, ...others] = answers.filter((each) => each.status === 200);
    expect(others).toEqual([]);
    const losers = answers.filter((each) => each.status === 409);
    expect(losers).toHaveLength(19);
    for (const loser of losers) expect(loser.body['decision']).toEqual(winner?.body);
    await turnEnded(decision);
    expect(existsSync(file('raced'))).toBe(winner?.body['outcome'] === 'allow');
    expect(eventsOf(await decision.log(), 'decision_resolved')).toMatchObject([
      { outcome: winner?.body['outcome'], by: 'owner', via: winner?.body['via'] },
    ]);
  });

  test('DECIDE-3: if denied, nothing runs and the agent learns why', async () => {
    const { client, model } = server;
    const id = await sharedChat();
    const { text, events } = await runTurn(client, id, 'run: touch denied', {
      answer: () => ({ outcome: 'deny', message: 'Not on my watch.' }),
    });
    expect(existsSync(file('denied'))).toBe(false);
    expect(text).toContain('Not on my watch.');
    expect(eventsOf(events, 'tool_call_update')).toMatchObject([{ status: 'failed' }]);
    expect(eventsOf(events, 'decision_resolved')).toMatchObject([{ outcome: 'deny', message: 'Not on my watch.' }]);
    expect(JSON.stringify(model.requests.at(-1)?.body)).toContain('Not on my watch.');
  });

  test('DECIDE-3: if allowed with an edited input, the edited one runs and the original does not', async () => {
    const id = await sharedChat();
    const edited = await runTurn(server.client, id, 'write note.txt: as the model wrote it', {
      answer: ({ input }) => ({
        outcome: 'allow',
        input: { ...input, file_path: file('edited.txt'), content: 'as the person wrote it' },
      }),
    });
    expect(edited.finished.outcome).toBe('completed');
    expect(eventsOf(edited.events, 'decision_resolved')).toMatchObject([
      { input: { content: 'as the person wrote it' } },
    ]);
    expect(await readFile(file('edited.txt'), 'utf8')).toBe('as the person wrote it');
    expect(existsSync(file('note.txt'))).toBe(false);
  });

  test('DECIDE-6: if always allowed, nobody is asked the second time', async () => {
    const { client } = server;
    const { id } = await server.createChat();
    const questions: string[] = [];
    let scope: string[] | undefined;
    const turn = () =>
      runTurn(client, id, 'run: mkdir -p always', {
        answer: ({ title, alwaysScope }) => {
          questions.push(title);
          scope = alwaysScope;
          return { outcome: 'allow_always' };
        },
      });
    expect((await turn()).finished.outcome).toBe('completed');
    expect(questions).toHaveLength(1);
    expect((await client.listDecisions({ chatId: id })).items).toMatchObject([
      { canAllowAlways: true, alwaysScope: scope },
    ]);
    expect(scope).toContainEqual(expect.stringContaining('Allow the command “mkdir -p always”, in this chat'));
    expect(scope).toContainEqual(expect.stringContaining('Allow all file edits'));
    expect((await turn()).finished.outcome).toBe('completed');
    expect(questions).toHaveLength(1);
  });

  test.each(['claude_sdk', 'claude_pty'] as const)(
    'DECIDE-6: a command that was always allowed stays allowed in its chat, even in an untrusted directory: %s',
    async (backend) => {
      const { id } = await server.createChat({ backend });
      const scopes: (string[] | undefined)[] = [];
      const turn = () =>
        runTurn(server.client, id, 'run: env true', {
          answer: ({ alwaysScope }) => {
            scopes.push(alwaysScope);
            return { outcome: 'allow_always' };
          },
        });
      expect((await turn()).finished.outcome).toBe('completed');
      expect(scopes).toEqual([[expect.stringMatching(/^Allow the command “env true”, in this chat/)]]);
      expect((await turn()).finished.outcome).toBe('completed');
      expect(scopes).toHaveLength(1);
    },
  );

  test('DECIDE-4: is canceled once if its turn is interrupted, and can no longer be answered', async () => {
    const decision = await askedFor('run: touch cancelled');
    const { chatId, asked } = decision;
    await server.client.interrupt(chatId);
    const finished = await turnEnded(decision);
    expect(finished.outcome).toBe('interrupted');
    const late = await answer(asked.decisionId, { outcome: 'allow' });
    expect(late).toMatchObject({ status: 409, body: { decision: { outcome: 'cancelled' } } });
    const log = await decision.log();
    expect(eventsOf(log, 'decision_resolved')).toMatchObject([{ decisionId: asked.decisionId, outcome: 'cancelled' }]);
    expect(existsSync(file('cancelled'))).toBe(false);
  });
});

describe('other kinds', () => {
  test('a question is answered with the input, and the agent receives the answer', async () => {
    const id = await sharedChat();
    const { text, events } = await runTurn(server.client, id, 'ask me', {
      answer: ({ kind, input }) => {
        expect(kind).toBe('question');
        const [question] = input['questions'] as { question: string }[];
        return { outcome: 'allow', input: { ...input, answers: { [question?.question ?? '']: 'Orange' } } };
      },
    });
    expect(eventsOf(events, 'decision_requested')).toMatchObject([{ kind: 'question' }]);
    expect(text).toContain('Orange');
  });

  test('ACCESS-5: a question requires an answer in its input', async () => {
    const decision = await askedFor('ask me');
    const { chatId, asked } = decision;
    const refused = await answer(asked.decisionId, { outcome: 'allow' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request', field: 'input' } });
    const always = await answer(asked.decisionId, { outcome: 'allow_always', input: {} });
    expect(always).toMatchObject({ status: 400, body: { field: 'outcome' } });
    expect((await server.client.listDecisions({ status: 'pending', chatId })).items).toHaveLength(1);
    await server.client.decide(asked.decisionId, { outcome: 'deny' });
    await turnEnded(decision);
  });

  test('a plan is shown and approved, and the chat leaves plan mode', async () => {
    const { client } = server;
    const { id } = await server.createChat({ permissionMode: 'plan' });
    const { text, events } = await runTurn(client, id, 'make a plan', { answer: () => ({ outcome: 'allow' }) });
    const asked = eventsOf(events, 'decision_requested');
    expect(asked.map((event) => event.kind)).toEqual(['plan']);
    expect(JSON.stringify(asked[0]?.input)).toContain('Run the tests');
    expect(text).toContain('The plan is approved');
  });
});

test('DECIDE-2: a client sees in its feed that another client has settled a decision', async () => {
  const { client } = server;
  const { chatId, asked } = await askedFor('run: touch elsewhere');
  const heard = followUntil(
    client,
    chatId,
    (item) => item.kind === 'event' && item.event.type === 'decision_resolved',
    {
      after: asked.seq,
    },
  );
  await answer(asked.decisionId, { outcome: 'allow' }, { 'boocode-client': 'phone' });
  expect(await heard).toMatchObject({ event: { outcome: 'allow', by: 'owner', via: 'phone' } });
  await until(async () => (await client.getChat(chatId)).state === 'ready');
  expect(existsSync(file('elsewhere'))).toBe(true);
});

// Last, because it ends the chat that the others share.
