import { randomUUID } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { assertDense, assertTurnsFinished, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { chunk, finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import { stopHost } from '../store/hosts.ts';

let database: TestDatabase;
let here: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openChatsHost(database.url);
});
afterEach(() => here.close());

describe('a prompt', () => {
  test('PROMPT-2: fifty concurrent requests with the same id get the same receipt; another body is a conflict and changes nothing', async () => {
    const { id } = await here.createChat();
    const prompt = { id: 'the-prompt', content: 'Say something nice.' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => here.chats.submitPrompt(id, prompt)));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.receipt))).size).toBe(1);
    const { receipt } = answers[0]!;

    const others = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => here.chats.submitPrompt(id, { ...prompt, content: `Other ${index}` })),
    );
    for (const other of others) {
      expect(other).toMatchObject({
        status: 'rejected',
        reason: { code: 'prompt_conflict', details: { field: 'id' } },
      });
    }
    await here.events(id, 'turn_finished');
    expect(await here.chats.submitPrompt(id, prompt)).toEqual({ created: false, receipt });
    const log = await here.log(id);
    assertDense(log);
    const accepted = log.filter((event) => event.type === 'prompt_accepted');
    expect(accepted).toMatchObject([
      { seq: receipt.seq, promptId: 'the-prompt', content: [{ type: 'text', text: 'Say something nice.' }] },
    ]);
    expect(log.filter((event) => event.type === 'turn_started')).toMatchObject([{ promptIds: ['the-prompt'] }]);
  });

  test('PROMPT-2: of fifty concurrent bodies under one id, one is accepted', async () => {
    const { id } = await here.createChat();
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => here.chats.submitPrompt(id, { id: 'p', content: `body ${index}` })),
    );
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    await here.events(id, 'turn_finished');
    expect((await here.log(id)).filter((event) => event.type === 'prompt_accepted')).toHaveLength(1);
  });

  test('PROMPT-4: a prompt to a ready chat is stored in one write with the start of its turn', async () => {
    const { id } = await here.createChat();
    const turnTypes = async (): Promise<string[][]> => {
      const commits = await database.sql<{ types: string }[]>`
        select json_agg(type order by seq) as types from boocode.events
        where chat_id = ${id} and type in ('prompt_accepted', 'turn_started') group by xmin::text order by min(seq)`;
      return commits.map(({ types }) => JSON.parse(types) as string[]);
    };
    const together = async () => (await turnTypes()).filter(({ length }) => length === 2);
    // The first waits for the agent to start; a later one waits only if the turn before is still being finished.
    for (let turn = 1; turn <= 20 && (await together()).length < 2; turn += 1) {
      await until(async () => ['cold', 'ready'].includes((await here.chats.getChat(id)).state));
      await here.chats.submitPrompt(id, { id: `prompt ${turn}`, content: 'hello' });
      await here.events(id, 'turn_finished', turn);
    }
    expect((await turnTypes()).slice(0, 2)).toEqual([['prompt_accepted'], ['turn_started']]);
    expect(await together()).toEqual([
      ['prompt_accepted', 'turn_started'],
      ['prompt_accepted', 'turn_started'],
    ]);
    const waiting = await database.sql`select from boocode.prompts where chat_id = ${id} and turn_id is null`;
    expect(waiting).toHaveLength(0);
  });

  test('PROMPT-3: prompts sent in the same moment to a ready chat are accepted and run in the order in which they were sent', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { id: 'first', content: 'first' });
    await here.events(id, 'turn_finished');
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    const sent = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(sent.map((content) => here.chats.submitPrompt(id, { content })));
    await here.events(id, 'turn_finished', 1 + sent.length);
    const inOrder = ['first', ...answers.map(({ receipt }) => receipt.promptId)];
    const log = await here.log(id);
    const accepted = log.flatMap((event) => (event.type === 'prompt_accepted' ? [event.promptId] : []));
    const started = log.flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []));
    expect({ accepted, started }).toEqual({ accepted: inOrder, started: inOrder });
  });

  test('PROMPT-2: fifty concurrent requests with the same id to a ready chat run one turn, and the chat continues', async () => {
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { id: 'first', content: 'first' });
    await here.events(id, 'turn_finished');
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    // Skips the check for an existing prompt: the table itself refuses the second one.
    const chat = here.host.find(id)!;
    const again = { id: 'first', content: [{ type: 'text' as const, text: 'first' }], actor: anActor };
    await expect(chat.submit(again)).rejects.toThrow(/unique/);
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => here.chats.submitPrompt(id, { id: 'again', content: 'again' })),
    );
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    await here.events(id, 'turn_finished', 2);
    await here.chats.submitPrompt(id, { id: 'last', content: 'last' });
    await here.events(id, 'turn_finished', 3);
    const log = await here.log(id);
    assertDense(log);
    assertTurnsFinished(log);
    expect(log.flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []))).toEqual([
      'first',
      'again',
      'last',
    ]);
    expect(here.backend.opened).toHaveLength(1);
  });

  test('PROMPT-3 TURN-1: prompts run in the order they were accepted, one turn at a time', async () => {
    const { id } = await here.createChat();
    let running = 0;
    here.backend.script = async function* (turn) {
      running += 1;
      expect(running).toBe(1);
      yield said(`Answer to ${turn.text}`);
      running -= 1;
      yield finished();
    };
    const receipts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => here.chats.submitPrompt(id, { id: `p${index}`, content: `${index}` })),
    );
    await here.events(id, 'turn_finished', 20);
    const log = await here.log(id);
    assertDense(log);
    assertTurnsFinished(log);
    const bySeq = receipts.map(({ receipt }) => receipt).toSorted((a, b) => a.seq - b.seq);
    const taken = log.flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []));
    expect(taken).toEqual(bySeq.map((receipt) => receipt.promptId));
    const turns = log.filter((event) => event.type === 'turn_started' || event.type === 'turn_finished');
    expect(turns.map((event) => event.type)).toEqual(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 'turn_started' : 'turn_finished')),
    );
    expect(here.backend.opened).toHaveLength(1);
  });

  test('PROMPT-1 PROMPT-4 TURN-2: accepted prompts survive the host and run on the next one, in order', async () => {
    const { id } = await here.createChat();
    const gate = createGate();
    here.backend.script = async function* () {
      yield said('I have begun');
      await gate.pass();
    };
    for (const promptId of ['p1', 'p2', 'p3']) {
      await here.chats.submitPrompt(id, { id: promptId, content: promptId });
    }
    await gate.reached;
    await here.events(id, 'agent_message');
    await here.kill();

    const next = await openChatsHost(database.url);
    try {
      // Nobody may take the chat while the lease lasts, until its host is known to be dead.
      await expect(next.chats.submitPrompt(id, { content: 'mine' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
      await stopHost(database.sql, here.id);
      await next.chats.submitPrompt(id, { id: 'p4', content: 'p4' });
      await next.events(id, 'turn_finished', 4);
      const log = await next.log(id);
      assertDense(log);
      assertTurnsFinished(log);
      expect(log.flatMap((event) => (event.type === 'turn_started' ? event.promptIds : []))).toEqual([
        'p1',
        'p2',
        'p3',
        'p4',
      ]);
      const ends = log.filter((event) => event.type === 'turn_finished');
      expect(ends.map((event) => event.outcome)).toEqual(['interrupted', 'completed', 'completed', 'completed']);
      expect(ends[0]).toMatchObject({ error: { code: 'host_restarted' } });
      // The open turn is finished before anything else is written.
      expect(log[log.findIndex((event) => event.type === 'agent_message') + 1]).toEqual(ends[0]);
    } finally {
      await next.close();
      here = await openChatsHost(database.url);
    }
  });

  test('PROMPT-4: a host that starts runs waiting prompts without being asked', async () => {
    const { id } = await here.createChat();
    const gate = createGate();
    here.backend.beforeOpen = () => gate.pass();
    await here.chats.submitPrompt(id, { id: 'waits', content: 'hello' });
    await gate.reached;
    await here.kill();
    await stopHost(database.sql, here.id);
    here = await openChatsHost(database.url);
    const [end] = await here.events(id, 'turn_finished');
    expect(end).toMatchObject({ outcome: 'completed' });
  });

  test('an unnamed chat is named after its first prompt, even when fifty arrive at once', async () => {
    const { id } = await here.createChat();
    expect((await here.chats.getChat(id)).title).toBe(here.cwd.split('/').at(-1));
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        here.chats.submitPrompt(id, { content: `Prompt ${index}\u0007\nand a second line` }),
      ),
    );
    const log = await here.log(id);
    const names = log.filter((event) => event.type === 'chat_updated');
    expect(names).toHaveLength(1);
    const first = log.find((event) => event.type === 'prompt_accepted');
    expect(JSON.stringify(first)).toContain((names[0]?.title ?? 'none').trim());
    expect((await here.chats.getChat(id)).title).toBe(names[0]?.title);
    const named = await here.createChat({ title: 'Mine' });
    await here.chats.submitPrompt(named.id, { content: 'Hello' });
    expect((await here.chats.getChat(named.id)).title).toBe('Mine');
  });

  test('to a missing chat is refused', async () => {
    await expect(here.chats.submitPrompt(randomUUID(), { content: 'x' })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the working directory', () => {
  test('is the absolute, resolved path of a directory; anything else is refused with the field’s name', async () => {
    const file = join(here.cwd, 'file');
    await writeFile(file, '');
    await symlink(join(here.cwd, 'nowhere'), join(here.cwd, 'dangling'));
    const bad = [
      'relative',
      '.',
      `${here.cwd}/none`,
      file,
      join(here.cwd, 'dangling'),
      `/${'x'.repeat(5000)}`,
      '/\u0000',
    ];
    for (const cwd of bad) {
      await expect(here.createChat({ cwd })).rejects.toMatchObject({
        code: 'cwd_invalid',
        message: expect.stringMatching(/^cwd: /),
        details: { field: 'cwd' },
      });
    }
    expect((await here.chats.listChats({ limit: 100 })).items.filter((chat) => bad.includes(chat.cwd))).toEqual([]);
    await symlink(here.cwd, join(here.cwd, 'link'));
    expect((await here.createChat({ cwd: `${here.cwd}/link/./link/` })).cwd).toBe(here.cwd);
  });

  test('PROMPT-7: holds the queue when it is gone, and the prompt runs when it is back', async () => {
    const cwd = join(here.cwd, 'work');
    await mkdir(cwd);
    const { id } = await here.createChat({ cwd });
    await rm(cwd, { recursive: true });
    here.backend.beforeOpen = () => {
      throw new BooError('cwd_invalid', 'The working directory is gone.');
    };
    await here.chats.submitPrompt(id, { content: 'go' });
    const [held] = await here.events(id, 'queue_held');
    expect(held).toMatchObject({ reason: 'directory', message: 'The working directory is gone.', promptId: null });
    await until(async () => (await here.chats.getChat(id)).state === 'failed');
    here.backend.beforeOpen = () => {};
    await here.chats.via('test').resumeQueue(id, {});
    const [completed] = await here.events(id, 'turn_finished');
    expect(completed).toMatchObject({ outcome: 'completed' });
    await until(async () => (await here.chats.getChat(id)).state === 'ready');
  });
});

test('AGENT-2: a chat keeps its history across a restart of the host', async () => {
  here.backend.script = async function* (turn) {
    yield chunk('m', 'You ');
    yield said(`You said: ${turn.history.join(', ')}`, 'm');
    yield finished();
  };
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'one' });
  await here.events(id, 'turn_finished');
  const { script } = here.backend;
  await here.close();
  here = await openChatsHost(database.url);
  here.backend.script = script;
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  const messages = await here.events(id, 'agent_message', 2);
  expect(messages[1]?.content).toEqual([{ type: 'text', text: 'You said: one' }]);
  const sessions = await here.events(id, 'session_started', 2);
  expect(sessions[1]?.sessionId).toBe(sessions[0]?.sessionId);
});
