import { expect } from 'vitest';
import type { BooClient } from '../../src/client/client.ts';
import type { Event } from '../../src/protocol/event.ts';
import type { Receipt } from '../../src/protocol/prompt.ts';
import { eventsOf, readLog } from './turns.ts';
import { until } from './until.ts';

/** What the outside world was told about a chat: receipts and events. */
export interface Told {
  chatId: string;
  receipts: Map<string, Receipt>;
  sent: Map<string, string>;
  events: Event[];
}

/** Follows a chat, answers what it asks, and calls back on everything that happens, until the server is gone. */
export async function watch(client: BooClient, told: Told, signal: AbortSignal, onItem: () => void): Promise<void> {
  const allow = (decisionId: string): void =>
    void client.decide(decisionId, { outcome: 'allow' }).catch(() => undefined);
  // A decision outlives its server, which may have died before the answer to it arrived.
  const { items } = await client.listDecisions({ chatId: told.chatId, status: 'pending' });
  for (const { id } of items) allow(id);
  const after = told.events.at(-1)?.seq ?? 0;
  for await (const item of client.follow(told.chatId, { after, signal })) {
    onItem();
    if (item.kind !== 'event') continue;
    told.events.push(item.event);
    if (item.event.type === 'decision_requested') allow(item.event.decisionId);
  }
}

export async function send(client: BooClient, told: Told, id: string, content: string): Promise<void> {
  told.sent.set(id, content);
  try {
    told.receipts.set(id, await client.prompt(told.chatId, { id, content }));
  } catch {
    // No receipt: nothing was promised.
  }
}

/** Resolves when every accepted prompt has had its turn. */
export async function untilQuiet(client: BooClient, chats: readonly Told[], timeoutMs = 30_000): Promise<void> {
  for (const { chatId, receipts } of chats) {
    await until(
      async () => {
        // A prompt is held after three hosts have died while it started.
        if ((await client.getChat(chatId)).hold) await client.resumeQueue(chatId);
        const log = await readLog(client, chatId);
        const ends = eventsOf(log, 'turn_finished').filter((event) => !event.requeuedPromptIds);
        const finished = new Set(ends.map((event) => event.turnId));
        const taken = eventsOf(log, 'turn_started').filter((event) => finished.has(event.turnId));
        const ids = new Set(taken.flatMap((event) => event.promptIds));
        const accepted = eventsOf(log, 'prompt_accepted').map((event) => event.promptId);
        return [...receipts.keys(), ...accepted].every((id) => ids.has(id));
      },
      { timeoutMs, what: 'every accepted prompt to be taken and finished' },
    );
  }
}

/** Checks that the log is dense and matches what was told, and that every prompt with a receipt is in one finished turn. */
export function checkLog(log: readonly Event[], told: Told): void {
  expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1));
  for (const event of told.events) expect(log[event.seq - 1]).toEqual(event);

  const accepted = eventsOf(log, 'prompt_accepted');
  expect(new Set(accepted.map((event) => event.promptId)).size).toBe(accepted.length);
  for (const { promptId, seq } of told.receipts.values()) {
    const content = [{ type: 'text', text: told.sent.get(promptId) }];
    expect(log[seq - 1]).toMatchObject({ type: 'prompt_accepted', promptId, content });
  }

  // Every accepted prompt is in one turn that did not give it back, in order; turns follow one another, each finished
  // once.
  const turns = log.filter((event) => event.type === 'turn_started' || event.type === 'turn_finished');
  const givenBack = new Set(
    eventsOf(turns, 'turn_finished').flatMap((end) => (end.requeuedPromptIds ? [end.turnId] : [])),
  );
  const kept = eventsOf(turns, 'turn_started').filter((event) => !givenBack.has(event.turnId));
  expect(kept.flatMap((event) => event.promptIds)).toEqual(accepted.map((event) => event.promptId));
  for (let index = 0; index < turns.length; index += 2) {
    const [started, finished] = [turns[index], turns[index + 1]];
    expect([started?.type, finished?.type]).toEqual(['turn_started', 'turn_finished']);
    expect(finished?.turnId).toBe(started?.turnId);
  }
  expect(turns.length % 2).toBe(0);

  const asked = eventsOf(log, 'decision_requested').map((event) => event.decisionId);
  expect(
    eventsOf(log, 'decision_resolved')
      .map((event) => event.decisionId)
      .sort(),
  ).toEqual(asked.sort());
}
