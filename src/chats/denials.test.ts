// What was denied just before a process ended, with a scripted agent.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import type { AgentEvent } from '../agents/agent-backend.ts';
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

const toolCallId = 'call-1';

function open(): Promise<ChatsHost> {
  const backend = new ScriptedBackend();
  backend.openCalls = new Set([toolCallId]);
  return openChatsHost(database.url, { backend });
}

describe('DECIDE-15: a denial that the agent has got', () => {
  /** A chat whose agent goes on after the answer when the test says so. */
  async function denied(...rest: AgentEvent[]) {
    const gate = createGate();
    here.backend.script = async function* (turn) {
      yield* turn.ask({ toolName: 'Bash', toolCallId });
      for (const event of rest) yield event;
      await gate.pass();
      yield finished();
    };
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'go' });
    const [asked] = await here.events(id, 'decision_requested');
    const { decisionId } = asked!;
    await here.chats.answerDecision(decisionId, { outcome: 'deny', message: 'no' });
    await gate.reached;
    const isOpen = async () =>
      (await database.sql`select is_open from boocode.decisions where id = ${decisionId}`)[0]!['is_open'] as boolean;
    return { id, decisionId, gate, isOpen };
  }
  const result = { type: 'tool_call_update', toolCallId, status: 'failed', content: [], rawOutput: null } as const;

  test.each(['agent', 'host'] as const)(
    'is given again if its %s is gone before the call has a result',
    async (who) => {
      const { id, decisionId, gate, isOpen } = await denied();
      if (who === 'agent') {
        here.backend.lose(id);
      } else {
        await here.kill();
        await stopHost(database.sql, here.id);
        here = await open();
      }
      const ends = await here.events(id, 'turn_finished', 2);
      expect(ends.map(({ openDecisionIds }) => openDecisionIds)).toEqual([[decisionId], undefined]);
      expect(here.backend.continued).toEqual([{ outcome: 'deny', message: 'no' }]);
      expect(await isOpen()).toBe(false);
      gate.open();
    },
  );

  test('is over with the result of the call, or with the end of its turn', async () => {
    const { id, gate, isOpen } = await denied({ ...result, content: [] });
    await here.events(id, 'tool_call_update');
    expect(await isOpen()).toBe(false);
    here.backend.lose(id);
    const [ended] = await here.events(id, 'turn_finished');
    expect(ended!.openDecisionIds).toBeUndefined();
    gate.open();

    const other = await denied();
    expect(await other.isOpen()).toBe(true);
    other.gate.open();
    await here.events(other.id, 'turn_finished');
    expect([await other.isOpen(), here.backend.continued]).toEqual([false, []]);
  });

  test('is over if a person interrupts, even if the process is gone then', async () => {
    const { id, gate, isOpen } = await denied();
    here.backend.interrupt = () => Promise.resolve(here.backend.lose(id));
    await here.chats.interrupt(id);
    const [ended] = await here.events(id, 'turn_finished');
    expect([ended!.openDecisionIds, await isOpen(), here.backend.continued]).toEqual([undefined, false, []]);
    gate.open();
  });
});
