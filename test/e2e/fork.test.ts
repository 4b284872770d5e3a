// A chat that is forked at an answer: the new one's agent knows what was said up to there, and nothing of what followed.
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName } from '../../src/protocol/chat.ts';
import type { Event } from '../../src/protocol/event.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer({ config: { logLevel: 'error' } });
});
afterAll(() => server.close());

const ask = (chatId: string, text: string): ReturnType<typeof runTurn> => runTurn(server.client, chatId, text);
const own = (events: readonly Event[]) => events.map(({ chatId: _chatId, ...rest }) => rest);
const spent = (events: readonly Event[]): number =>
  [...eventsOf(events, 'turn_finished'), ...eventsOf(events, 'notice').map(({ data }) => data ?? {})].reduce(
    (total, { costUsd }) => total + Number(costUsd ?? 0),
    0,
  );

describe.each<BackendName>(['claude_sdk', 'claude_pty'])('on %s', (backend) => {
  test('FORK-1, FORK-2, FORK-5: a fork knows what was said up to its answer, and counts only its own cost', async () => {
    const { id } = await server.createChat({ backend, title: 'Original', effort: 'low' });
    await ask(id, 'stream 3 tokens');
    const second = await ask(id, 'stream 4 tokens');
    await ask(id, 'stream 4 tokens');
    const before = await readLog(server.client, id);
    const parent = await server.client.getChat(id);

    const at = second.finished.seq;
    const fork = await server.client.fork(id, { at });
    const { cwd, effort, workspace, permissionMode } = parent;
    expect(fork).toMatchObject({ cwd, effort, workspace, permissionMode, backend, title: 'Original (fork)' });
    expect(fork).toMatchObject({
      forkedFrom: { chatId: id, seq: at },
      costUsd: 0,
      tokensIn: 0,
      tokensOut: 0,
      waiting: 0,
    });
    const log = await readLog(server.client, fork.id);
    expect(own(log.slice(0, at))).toEqual(own(before.slice(0, at)));
    expect(log.slice(at)).toMatchObject([{ type: 'chat_forked', from: { chatId: id, seq: at }, by: 'owner' }]);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));

    const answered = await ask(fork.id, 'what did I say');
    expect(answered.text).toBe('You said: "stream 3 tokens", "stream 4 tokens".');
    expect(eventsOf(answered.events, 'session_started')).toMatchObject([
      { sessionId: eventsOf(log, 'chat_forked')[0]?.sessionId },
    ]);
    const counted = await server.client.getChat(fork.id);
    expect(answered.finished.costUsd).toBeGreaterThan(0);
    expect(counted.costUsd).toBeCloseTo(answered.finished.costUsd, 9);
    await server.restart();
    const again = await ask(fork.id, 'what did I say');
    expect(again.text).toContain('"stream 4 tokens", "what did I say"');
    const events = (await readLog(server.client, fork.id)).filter(({ seq }) => seq > at);
    expect((await server.client.getChat(fork.id)).costUsd).toBeCloseTo(spent(events), 9);
    // The terminal program counts its own title request too, which is not part of a turn.
    expect(spent(events)).toBeLessThan(3 * (answered.finished.costUsd + again.finished.costUsd));

    // The other chat has not changed, and neither has its agent.
    expect(await readLog(server.client, id)).toEqual(before);
    expect((await server.client.getChat(id)).costUsd).toBe(parent.costUsd);
    expect((await ask(id, 'what did I say')).text).toBe(
      'You said: "stream 3 tokens", "stream 4 tokens", "stream 4 tokens".',
    );
  });

  test('FORK-3, FORK-4: sub-agents and long outputs come along, and either chat may be deleted', async () => {
    const { id } = await server.createChat({ backend, permissionMode: 'bypassPermissions' });
    const call = {
      description: 'd',
      prompt: 'stream 2 tokens',
      subagent_type: 'general-purpose',
      run_in_background: false,
    };
    await ask(id, `call Agent: ${JSON.stringify(call)}`);
    const { finished } = await ask(id, 'run: seq 1 20000');
    await ask(id, `call Agent: ${JSON.stringify(call)}`);
    const fork = await server.client.fork(id, { at: finished.seq });
    const twin = await server.client.fork(id, { at: finished.seq });
    const entries = (chatId: string) => server.sql<{ session: string; subpath: string; json: string }[]>`
      select session_id as session, subpath, entry::text as json from boocode.claude_session_entries
      where project_key = ${chatId} order by subpath, ordinal`;
    const old = await entries(id);
    const copied = await entries(fork.id);
    const session = eventsOf(await readLog(server.client, fork.id), 'chat_forked')[0]!.sessionId;
    const subpaths = (rows: readonly { subpath: string }[]) => [...new Set(rows.map(({ subpath }) => subpath))];
    expect(subpaths(old)).toHaveLength(3);
    expect(subpaths(copied)).toHaveLength(2);
    const says = (rows: readonly { json: string }[], text: string): boolean =>
      rows.some(({ json }) => json.includes(text));
    const before = old[0]!.session;
    expect(copied.every((row) => row.session === session)).toBe(true);
    for (const key of ['sessionId', 'session_id']) expect(says(copied, `"${key}":"${before}"`)).toBe(false);
    // The model’s own words stay as they are.
    const told = copied.filter(({ json }) => !json.includes('"type":"assistant"'));
    expect([says(old, `/${before}/tool-results/`), says(told, `/${before}/tool-results/`)]).toEqual([true, false]);

    await server.client.deleteChat(id);
    expect((await ask(fork.id, 'what did I say')).text).toContain('seq 1 20000');
    const [, agent] = subpaths(copied);
    const projects = join(server.agent.configDir, 'projects');
    const [folder] = (await readdir(projects)).filter((name) => existsSync(join(projects, name, `${session}.jsonl`)));
    expect(readFileSync(join(projects, folder!, session, `${agent}.jsonl`), 'utf8')).toContain(session);
    const outputs = join(projects, folder!, session, 'tool-results');
    const [output] = await readdir(outputs);
    expect(readFileSync(join(outputs, output!), 'utf8')).toContain('\n20000');
    expect(copied.some(({ json }) => json.includes(`/${session}/tool-results/${output}`))).toBe(true);

    await server.client.deleteChat(fork.id);
    expect(await entries(fork.id)).toHaveLength(0);
    expect((await ask(twin.id, 'what did I say')).text).toContain('seq 1 20000');
  });
});
