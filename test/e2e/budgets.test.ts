// Budgets that the real program reaches, on both engines, against the demo model.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const goOn = 'Continue from where you left off.';

/** A chat that has had a turn, and may spend this much more. */
async function openChat(backend: 'claude_sdk' | 'claude_pty', leftUsd = 0.0001): Promise<string> {
  const { client } = server;
  const { id } = await server.createChat({ backend, permissionMode: 'bypassPermissions' });
  await runTurn(client, id, 'who are you');
  await allow(id, leftUsd);
  return id;
}

async function allow(chatId: string, moreUsd: number): Promise<void> {
  const { costUsd } = await server.client.getChat(chatId);
  await server.client.patchChat(chatId, { budgetUsd: costUsd + moreUsd });
}

const ends = (chatId: string, count: number) =>
  until(
    async () => {
      const found = eventsOf(await readLog(server.client, chatId), 'turn_finished');
      return found.length >= count ? found : null;
    },
    { timeoutMs: 60_000, what: `${count} turns` },
  );

const held = (chatId: string) =>
  until(async () => (await server.client.getChat(chatId)).hold, { timeoutMs: 60_000, what: 'a held queue' });

const textsOf = async (chatId: string): Promise<string> =>
  eventsOf(await readLog(server.client, chatId), 'agent_message')
    .flatMap(({ content }) => content.map((block) => ('text' in block ? block.text : '')))
    .join('\n');

describe.each(['claude_sdk', 'claude_pty'] as const)('%s', (backend) => {
  test('BUDGET-4 BUDGET-7: reached in mid-turn, the turn ends after its tools, and continues when there is more', async () => {
    const { client } = server;
    const id = await openChat(backend);
    const turn = await runTurn(client, id, 'run: echo o""ne');
    expect(turn.finished).toMatchObject({ outcome: 'failed', error: { code: 'budget_spent' } });
    expect(turn.finished.costUsd).toBeGreaterThan(0);
    // What was paid for has run, and the model was not asked about it.
    expect(eventsOf(turn.events, 'tool_call_update')).toMatchObject([
      { status: 'completed', rawOutput: expect.anything() as unknown },
    ]);
    expect(turn.text).not.toContain('It printed');
    const hold = await held(id);
    expect(hold).toMatchObject({ reason: 'budget_spent', budget: { of: 'chat' } });
    const { costUsd } = await client.getChat(id);
    expect(hold.budget!.spentUsd).toBeCloseTo(costUsd, 6);
    await allow(id, 1);
    const [, , next] = await ends(id, 3);
    expect(next).toMatchObject({ outcome: 'completed' });
    expect(await textsOf(id)).toContain('It printed:\n\none');
    expect(eventsOf(await readLog(client, id), 'prompt_accepted').at(-1)).toMatchObject({
      by: 'host',
      content: [{ text: goOn }],
    });
  }, 120_000);

  test('BUDGET-4: what a sub-agent spends counts while it runs', async () => {
    const { client } = server;
    const id = await openChat(backend);
    await allow(id, 0.02);
    // Its first request is dear, because nothing of it is cached.
    await client.prompt(id, { content: 'use a sub-agent: run: echo o""ne' });
    expect(await held(id)).toMatchObject({ reason: 'budget_spent' });
    // The terminal program runs it in the background: its turn may be over before, and the report would begin another one.
    const stopped = (await ends(id, 2)).length;
    expect((await ends(id, stopped)).at(-1)).toMatchObject({ outcome: 'failed', error: { code: 'budget_spent' } });
    // It has run its tool, which the terminal program's transcript may say later, and was not asked about that.
    await until(
      async () => {
        const updates = eventsOf(await readLog(client, id), 'tool_call_update');
        return updates.some((each) => each.parentToolCallId !== undefined);
      },
      { what: 'the result of the sub-agent’s tool' },
    );
    expect(await textsOf(id)).not.toContain('It printed');
    await allow(id, 1);
    expect((await ends(id, stopped + 1)).at(-1)).toMatchObject({ outcome: 'completed' });
    const told = backend === 'claude_sdk' ? /The sub-agent said/ : /A background task reports/;
    await until(async () => told.test(await textsOf(id)));
  }, 120_000);

  test('BUDGET-5: a turn that the agent begins by itself is not begun, and the agent has not forgotten why', async () => {
    const { client } = server;
    const id = await openChat(backend, 1);
    await runTurn(client, id, 'start a background task: sleep 2; echo do""ne');
    const { costUsd } = await client.getChat(id);
    await client.patchChat(id, { budgetUsd: costUsd });
    const all = await ends(id, 3);
    expect(all[2]).toMatchObject({ outcome: 'failed', error: { code: 'budget_spent' } });
    const log = await readLog(client, id);
    expect(eventsOf(log, 'incoming_message')).toMatchObject([{ origin: { kind: 'background_task' } }]);
    expect(await held(id)).toMatchObject({ reason: 'budget_spent' });
    expect(await textsOf(id)).not.toContain('A background task reports');
    await allow(id, 1);
    expect((await ends(id, 4))[3]).toMatchObject({ outcome: 'completed' });
    expect(await textsOf(id)).toContain('A background task reports');
  }, 120_000);

  test('BUDGET-4 BUDGET-8: a wake-up that reaches it is stopped, and the next one waits until there is more', async () => {
    const { client } = server;
    const id = await openChat(backend);
    const wake = (content: string) =>
      client.createSchedule(id, { at: new Date(Date.now() + 500).toISOString(), content });
    await wake('run: echo o""ne');
    expect(await held(id)).toMatchObject({ reason: 'budget_spent' });
    expect((await ends(id, 2))[1]).toMatchObject({ outcome: 'failed', error: { code: 'budget_spent' } });
    await wake('stream 2 tokens');
    await until(async () => (await client.getChat(id)).waiting === 2, { what: 'the prompt of the second' });
    expect(await ends(id, 2)).toHaveLength(2);
    await allow(id, 1);
    expect((await ends(id, 4)).slice(2)).toMatchObject([{ outcome: 'completed' }, { outcome: 'completed' }]);
    expect(await textsOf(id)).toContain('It printed:\n\none');
    expect(eventsOf(await readLog(client, id), 'prompt_accepted').filter(({ schedule }) => schedule)).toHaveLength(2);
  }, 120_000);

  test('BUDGET-3 BUDGET-1: over a resume what was spent before still counts, once', async () => {
    const { client } = server;
    const id = await openChat(backend);
    const { costUsd } = await client.getChat(id);
    await client.patchChat(id, { budgetUsd: costUsd + 0.0001 });
    await runTurn(client, id, 'who are you');
    await server.restart();
    const { client: again } = server;
    await again.prompt(id, { content: 'think' });
    const hold = await held(id);
    const total = (await again.getChat(id)).costUsd;
    expect(hold.budget).toMatchObject({ of: 'chat', limitUsd: costUsd + 0.0001 });
    expect(hold.budget!.spentUsd).toBeCloseTo(total, 6);
    await again.patchChat(id, { budgetUsd: total + 1 });
    expect((await ends(id, 3))[2]).toMatchObject({ outcome: 'completed' });
    const after = await again.getChat(id);
    const sum = (await ends(id, 3)).reduce((all, turn) => all + turn.costUsd, 0);
    expect(after.costUsd).toBeCloseTo(sum, 6);
  }, 120_000);
});
