// Turns that their host did not survive and that continue by themselves, with a scripted agent. The real program is in
// src/agents/claude-sdk and test/e2e.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said, ScriptedBackend, type TurnScript } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { CreateChat } from '../protocol/chat.ts';
import { stopHost } from '../store/hosts.ts';

let database: TestDatabase;
let here: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await open();
});
afterEach(() => here.close());

const open = (backend = new ScriptedBackend()): Promise<ChatsHost> =>
  openChatsHost(database.url, { backend, other: new ScriptedBackend(undefined, 'claude_pty') });

/** Says something, and never ends. */
const endless: TurnScript = async function* () {
  yield said('So far.');
  await new Promise(() => {});
};

type Ending = 'close' | 'kill';
const sendAgain = 'Send the prompt again to continue.';

async function end(how: Ending): Promise<void> {
  await here[how]();
  if (how === 'kill') await stopHost(database.sql, here.id);
}

/** A chat that is in the middle of a turn. */
async function running(settings: Partial<CreateChat> = {}, script = endless): Promise<string> {
  here.backend.script = script;
  const { id } = await here.createChat({ onInterrupted: 'continue', ...settings });
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'agent_message');
  return id;
}

const continuation = async (id: string): Promise<unknown> =>
  JSON.parse(
    (
      await database.sql<{ json: string }[]>`
      select coalesce(continuation::text, 'null') as json from boocode.chats where id = ${id}`
    )[0]!.json,
  );
const turns = async (id: string, count: number) => {
  const ended = await here.events(id, 'turn_finished', count);
  const started = await here.events(id, 'turn_started', count);
  return { ended, started, names: started.map(({ continuesTurnId }) => continuesTurnId) };
};
/** Whether each process of the chat was started to continue. */
const opened = (id: string) =>
  here.backend.opened.filter(({ chatId }) => chatId === id).map(({ continuesTurn = false }) => continuesTurn);
const notContinued = async (id: string) =>
  (await here.log(id)).flatMap((event) =>
    event.type === 'notice' && event.code === 'turn_not_continued' ? [event.message] : [],
  );

describe.each(['close', 'kill'] as const)('TURN-24: after a host that ends (%s)', (how) => {
  test('the turn continues in one that names it, before the prompts that wait', async () => {
    const id = await running();
    await here.chats.submitPrompt(id, { content: 'later' });
    await end(how);
    here = await open();
    const { ended, started, names } = await turns(id, 3);
    const what = how === 'kill' ? 'The host ended' : 'The host was stopped';
    expect(ended[0]).toMatchObject({
      outcome: 'interrupted',
      error: {
        code: 'host_restarted',
        message: `${what} while this turn was running. The turn continues by itself.`,
      },
    });
    expect(names).toEqual([undefined, ended[0]!.turnId, undefined]);
    expect(started.map(({ promptIds }) => promptIds.length)).toEqual([1, 0, 1]);
    expect(ended.map(({ outcome }) => outcome)).toEqual(['interrupted', 'completed', 'completed']);
    expect(opened(id)).toEqual([true]);
    expect(await continuation(id)).toBeNull();
    await here.close();
    // Only once.
    here = await open();
    expect(opened(id)).toEqual([]);
  });

  test('it stays interrupted in a chat that says nothing', async () => {
    const id = await running({ onInterrupted: 'stop' });
    await end(how);
    here = await open();
    const { ended } = await turns(id, 1);
    expect(ended[0]!.outcome).toBe('interrupted');
    expect(ended[0]!.error?.message.endsWith(sendAgain)).toBe(how === 'kill' ? true : undefined);
    expect(opened(id)).toEqual([]);
  });

  test('it stays interrupted on an engine that cannot continue, which the log says', async () => {
    const other = new ScriptedBackend(endless, 'claude_pty');
    await here.close();
    here = await openChatsHost(database.url, { other });
    const id = await running({ backend: 'claude_pty' });
    await end(how);
    here = await open();
    const { ended } = await turns(id, 1);
    expect(ended[0]!.error?.message).toMatch(/engine do not continue by themselves\. Send the prompt again/);
    expect(await continuation(id)).toBeNull();
  });

  test('TURN-25: a turn that ends its host again and again is continued twice, and the log says so', async () => {
    const id = await running();
    for (const count of [1, 2]) {
      await end(how);
      const backend = new ScriptedBackend();
      backend.continueTurn = endless;
      here = await open(backend);
      await here.events(id, 'agent_message', 1 + count);
      expect(await continuation(id)).toMatchObject({ starts: count });
    }
    await end(how);
    here = await open();
    const { ended, names } = await turns(id, 3);
    expect(names).toEqual([undefined, ended[0]!.turnId, ended[1]!.turnId]);
    expect(ended[2]!.error?.message).toMatch(
      /continued 2 times before, .* not continued again\. Send the prompt again to continue\.$/,
    );
    expect(opened(id)).toEqual([]);
    expect(await continuation(id)).toBeNull();
  });
});

test('TURN-24: a turn that a person interrupted does not continue, however its host ends then', async () => {
  const id = await running();
  await here.chats.interrupt(id);
  await turns(id, 1);
  await end('kill');
  here = await open();
  expect(opened(id)).toEqual([]);
  expect((await turns(id, 1)).ended).toMatchObject([{ outcome: 'interrupted', by: expect.any(String) as string }]);
});

test('TURN-24: a turn that failed by itself does not continue', async () => {
  const id = await running({}, async function* () {
    yield said('So far.');
    yield finished('failed', { error: { code: 'model_error', message: 'The model failed.' } });
  });
  await turns(id, 1);
  await end('kill');
  here = await open();
  expect(opened(id)).toEqual([]);
});

test('TURN-24: a turn that waits for a decision does not continue until it is answered', async () => {
  await here.close();
  const durable = () => Object.assign(new ScriptedBackend(), { openCalls: new Set(['call-1']) });
  here = await open(durable());
  here.backend.script = async function* (turn) {
    yield* turn.ask({ toolName: 'Bash', toolCallId: 'call-1' });
    yield finished();
  };
  const { id } = await here.createChat({ onInterrupted: 'continue' });
  await here.chats.submitPrompt(id, { content: 'go' });
  const [asked] = await here.events(id, 'decision_requested');
  await end('kill');
  here = await open(durable());
  const { ended } = await turns(id, 1);
  expect(ended[0]).toMatchObject({ openDecisionIds: [asked!.decisionId] });
  expect(await continuation(id)).toBeNull();
  expect(opened(id)).toEqual([]);
  await here.chats.answerDecision(asked!.decisionId, { outcome: 'allow' });
  expect((await turns(id, 2)).names).toEqual([undefined, asked!.turnId]);
  expect(opened(id)).toEqual([false]);
});

test('TURN-24: a person can interrupt the turn that continues', async () => {
  const id = await running();
  await end('kill');
  const backend = new ScriptedBackend();
  backend.continueTurn = endless;
  here = await open(backend);
  await here.events(id, 'agent_message', 2);
  await here.chats.interrupt(id);
  const { ended } = await turns(id, 2);
  expect(ended[1]).toMatchObject({ outcome: 'interrupted', by: expect.any(String) as string });
  expect(await continuation(id)).toBeNull();
});

describe('TURN-25: a continuation that cannot start', () => {
  test('is tried twice, and the log says why it did not happen; the prompts run', async () => {
    const id = await running();
    await here.chats.submitPrompt(id, { content: 'later' });
    await end('kill');
    const backend = new ScriptedBackend();
    let tries = 0;
    backend.beforeOpen = ({ continuesTurn }) => {
      if (continuesTurn !== true) return;
      tries += 1;
      throw new Error('The program is missing.');
    };
    here = await open(backend);
    await turns(id, 2);
    expect(tries).toBe(2);
    expect(await notContinued(id)).toEqual([
      `The interrupted turn was not continued. The program is missing. ${sendAgain}`,
    ]);
    expect(await continuation(id)).toBeNull();
  });

  test('because its start ends the host is not tried forever', async () => {
    const id = await running();
    for (const starts of [1, 2]) {
      await end('kill');
      const backend = new ScriptedBackend();
      let isOpening = false;
      backend.beforeOpen = () => {
        isOpening = true;
        return new Promise(() => {});
      };
      here = await open(backend);
      await until(() => isOpening, { what: 'the start' });
      expect(await continuation(id)).toMatchObject({ starts });
    }
    await end('kill');
    here = await open();
    const [said] = (await here.events(id, 'notice')).filter(({ code }) => code === 'turn_not_continued');
    expect(said!.message).toMatch(/continued 2 times before/);
    expect(opened(id)).toEqual([]);
  });

  test('in a chat that was set to stop in the meantime is not tried', async () => {
    const id = await running();
    await end('close');
    await database.sql`update boocode.chats set on_interrupted = 'stop' where id = ${id}`;
    here = await open();
    await here.events(id, 'notice');
    expect(await notContinued(id)).toMatchObject([expect.stringContaining('set to stop')]);
    expect(opened(id)).toEqual([]);
  });
});
