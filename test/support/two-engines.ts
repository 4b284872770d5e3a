import { expect } from 'vitest';
import type { BackendName } from '../../src/protocol/chat.ts';
import { noUsage } from '../../src/protocol/usage.ts';
import { assertDense, type ChatsHost, type ChatsHostOptions, openChatsHost } from './chats-host.ts';
import type { Gate } from './gate.ts';
import { finished, said, ScriptedBackend, type TurnScript } from './scripted-backend.ts';
import type { TestDatabase } from './postgres.ts';
import { until } from './until.ts';

export interface TwoEngines extends ChatsHost {
  readonly sdk: ScriptedBackend;
  readonly pty: ScriptedBackend;
}

/** Says which backend answers, and the prompt's number in its history. The prompt `hold` waits at the gate. */
export const tellTale = (name: BackendName, gate: Gate): TurnScript =>
  async function* ({ text, history }) {
    if (text === 'hold') await gate.pass();
    yield said(`${name} ${history.length + 1}: ${text}`);
    yield finished('completed', { costUsd: 1, models: { m: { ...noUsage, costUsd: 1 } } });
  };

/** A host that can run a chat on either of two scripted backends. */
export async function openTwoEngines(url: string, gate: Gate, options: ChatsHostOptions = {}): Promise<TwoEngines> {
  const sdk = new ScriptedBackend(tellTale('claude_sdk', gate));
  const pty = new ScriptedBackend(tellTale('claude_pty', gate), 'claude_pty');
  const host = await openChatsHost(url, { backend: sdk, other: pty, ...options });
  return { ...host, sdk, pty };
}

/** A chat that has had its first turn on claude_sdk, and is ready. */
export async function openWarmChat(host: ChatsHost): Promise<string> {
  const { id } = await host.createChat({ title: 'Flipped' });
  await host.chats.submitPrompt(id, { content: 'one' });
  await host.events(id, 'turn_finished');
  await until(() => host.host.find(id)?.state === 'ready');
  return id;
}

/** The log in short: flips, how turns ended, and what was said. */
export async function story(host: ChatsHost, chatId: string): Promise<string[]> {
  const log = await host.log(chatId);
  assertDense(log);
  return log.flatMap((event) => {
    if (event.type === 'chat_updated' && event.backend) return [`-> ${event.backend}`];
    if (event.type === 'turn_finished') return [event.outcome];
    if (event.type === 'agent_message') return event.content.map((block) => ('text' in block ? block.text : ''));
    return [];
  });
}

/** The backend that both rows of a chat name: they never differ. */
export async function storedBackend({ sql }: Pick<TestDatabase, 'sql'>, chatId: string): Promise<string> {
  const [row] = await sql<{ chat: string; session: string | null }[]>`
    select chats.backend as chat, agent_sessions.backend as session
    from boocode.chats left join boocode.agent_sessions on chat_id = id where id = ${chatId}`;
  expect(row!.session ?? row!.chat).toBe(row!.chat);
  return row!.chat;
}

/** Whether it is settled already. */
export function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}
