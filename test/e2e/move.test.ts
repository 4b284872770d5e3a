// A chat that continues in another directory, with the real program on both engines.
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectFolder } from '../../src/agents/claude/files/transcript-file.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

/** The folders that hold transcripts of the session. */
async function foldersOf(sessionId: string): Promise<string[]> {
  const names = await readdir(join(server.agent.configDir, 'projects'), { recursive: true });
  return names.filter((name) => name.endsWith(`${sessionId}.jsonl`)).map((name) => name.split('/')[0]!);
}

test.each(['claude_sdk', 'claude_pty'] as const)(
  'AGENT-26 AGENT-29 TRANSCRIPT-11: after `mv project elsewhere` a chat says so, can be moved, and remembers everything (%s)',
  async (backend) => {
    const [old, moved] = [join(server.workDir, backend), join(server.workDir, `${backend}-elsewhere`)];
    await mkdir(old);
    const chat = await server.createChat({ backend, cwd: old });
    await runTurn(server.client, chat.id, 'stream 3 tokens');
    await server.restart();
    await rename(old, moved);
    await server.client.prompt(chat.id, { content: 'stream 2 tokens' });
    const held = await nextEvent(server.client, chat.id, 'queue_held');
    expect(held.reason).toBe('directory');
    expect(held.message).toMatch(/is gone\. Move the chat to where it is now \(`boocode move`/);
    expect(await server.client.getChat(chat.id)).toMatchObject({ cwd: old, waiting: 1, hold: { reason: 'directory' } });

    // The prompt that was held runs there automatically.
    expect(await server.client.patchChat(chat.id, { cwd: moved })).toMatchObject({ cwd: moved });
    const { seq } = await nextEvent(server.client, chat.id, 'queue_resumed');
    expect(await nextEvent(server.client, chat.id, 'turn_finished', { after: seq })).toMatchObject({
      outcome: 'completed',
    });
    const allow = { answer: () => ({ outcome: 'allow' as const }) };
    expect((await runTurn(server.client, chat.id, 'run: env pwd', allow)).text).toContain(`\n${moved}`);
    // A warm chat can move too, here back again.
    await mkdir(old);
    await server.client.patchChat(chat.id, { cwd: old });
    expect((await runTurn(server.client, chat.id, 'run: env pwd', allow)).text).toContain(`\n${old}`);
    expect((await runTurn(server.client, chat.id, 'what did I say')).text).toContain(
      '"stream 3 tokens", "stream 2 tokens", "run: env pwd", "run: env pwd"',
    );
    const log = await readLog(server.client, chat.id);
    expect(eventsOf(log, 'chat_updated').flatMap(({ cwd }) => cwd ?? [])).toEqual([moved, old]);
    const [sessionId, ...others] = new Set(eventsOf(log, 'session_started').map((event) => event.sessionId));
    expect(others).toEqual([]);
    expect(await foldersOf(sessionId!)).toEqual([projectFolder(old)]);
    await server.client.deleteChat(chat.id);
    expect(await foldersOf(sessionId!)).toEqual([]);
  },
);
