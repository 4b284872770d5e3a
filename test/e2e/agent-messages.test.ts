// Two chats on one machine, with the real program behind both: what the agent of one can begin in the other.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BackendName, backendNames, type Chat, type CreateChat } from '../../src/protocol/chat.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, followUntil, nextEvent, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

let chats = 0;

/** A warm chat in a directory of its own, by whose name the agents of others know it. */
async function openChat(input: Partial<CreateChat> = {}, settings?: object): Promise<Chat> {
  chats += 1;
  const cwd = join(server.workDir, `chat${chats}`);
  await mkdir(join(cwd, '.claude'), { recursive: true });
  if (settings) await writeFile(join(cwd, '.claude', 'settings.json'), JSON.stringify(settings));
  const chat = await server.createChat({ cwd, ...input });
  await runTurn(server.client, chat.id, 'stream 2 tokens');
  return chat;
}

/** Has the agent of one chat write to that of another; resolves with what its tool said. */
async function send(from: Chat, to: Chat, message: string): Promise<string> {
  const listed = await runTurn(server.client, from.id, 'call ListAgents: {}');
  const name = new RegExp(`^ +(${to.cwd.split('/').at(-1)}-\\w+)`, 'm').exec(listed.text)?.[1];
  expect(name, listed.text).toBeDefined();
  const input = JSON.stringify({ to: name, summary: 'A message', message });
  return (await runTurn(server.client, from.id, `call SendMessage: ${input}`)).text;
}

/** Has it write, and waits until it is told that the other one refused. */
async function sendInVain(from: Chat, to: Chat, message: string): Promise<void> {
  const { head } = await server.client.getChat(from.id);
  await send(from, to, message);
  await followUntil(
    server.client,
    from.id,
    ({ kind, ...item }) =>
      kind === 'event' && 'event' in item && item.event.type === 'notice' && /refused/.test(item.event.message),
    { after: head },
  );
}

async function turnsOf(chat: Chat): Promise<number> {
  return eventsOf(await readLog(server.client, chat.id), 'turn_started').length;
}

/** Waits for the turn that a message began. */
async function turnBegunIn(chat: Chat, after: number): Promise<void> {
  const started = await nextEvent(server.client, chat.id, 'turn_started', { after });
  expect(started.promptIds).toEqual([]);
  await nextEvent(server.client, chat.id, 'turn_finished', { after: started.seq });
}

describe.each(backendNames)('a chat on %s', (backend: BackendName) => {
  test('AGENT-10: gets no turn from the agent of another chat', async () => {
    const [sender, receiver] = [await openChat(), await openChat({ backend })];
    await sendInVain(sender, receiver, 'stream 3 tokens');
    expect(await turnsOf(receiver)).toBe(1);
  });

  test('AGENT-10: gets none either by its directory’s settings or its user’s, which accept', async () => {
    const userSettings = join(server.agent.configDir, 'settings.json');
    await writeFile(userSettings, JSON.stringify({ crossSessionInbound: 'accept' }));
    const settings = { crossSessionInbound: 'accept' };
    const [sender, receiver] = [await openChat(), await openChat({ backend, trusted: true }, settings)];
    await sendInVain(sender, receiver, 'stream 3 tokens');
    expect(await turnsOf(receiver)).toBe(1);
    await writeFile(userSettings, '{}');
  });

  test('AGENT-11: whose owner allows it gets the turn, and none any more once that is taken back', async () => {
    const [sender, receiver] = [await openChat(), await openChat({ backend })];
    const { client } = server;
    const changed = await client.patchChat(receiver.id, { acceptsAgentMessages: true });
    expect(changed).toMatchObject({ acceptsAgentMessages: true, state: 'ready' });
    expect(eventsOf(await readLog(client, receiver.id), 'chat_updated')).toContainEqual(
      expect.objectContaining({ acceptsAgentMessages: true }),
    );
    expect(await send(sender, receiver, 'stream 3 tokens')).toContain('"success":true');
    await turnBegunIn(receiver, changed.head);

    await client.patchChat(receiver.id, { acceptsAgentMessages: false });
    await sendInVain(sender, receiver, 'stream 4 tokens');
    expect(await turnsOf(receiver)).toBe(2);
  });
});
