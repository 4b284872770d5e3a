// Turns that their server did not survive, in chats that say `continue`: the real program continues them.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CreateChat } from '../../src/protocol/chat.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
  server = await home.serve('serve');
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

let count = 0;
/** A chat of its own whose agent has begun to run a command that does not end: it writes a letter each time it runs. */
async function running(settings: Partial<CreateChat> = {}) {
  const cwd = join(home.workDir, `chat-${(count += 1)}`);
  await mkdir(cwd);
  const file = join(cwd, 'ran');
  const ran = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const { id } = await server.client.createChat({
    cwd,
    backend: 'claude_sdk',
    permissionMode: 'bypassPermissions',
    onInterrupted: 'continue',
    ...settings,
  });
  await server.client.prompt(id, { content: `run: printf x >> ${file}; exec tail -f /dev/null` });
  await until(() => ran() === 'x', { what: 'the command' });
  return { id, ran };
}

async function restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  server.program.kill(signal);
  await server.program.ended();
  server = await home.serve('serve');
}

describe.each([
  ['SIGKILL', 'claude_sdk'],
  ['SIGTERM', 'claude_sdk'],
  ['SIGKILL', 'claude_pty'],
  ['SIGTERM', 'claude_pty'],
] as const)('after %s of the server, on %s', (signal, backend) => {
  test('TURN-24, PTY-13: the turn continues by itself, before the prompts that wait, and the model sees the call that was cut off', async () => {
    const { id, ran } = await running({ backend });
    const left = await running({ backend, onInterrupted: 'stop' });
    await server.client.prompt(id, { content: 'stream 2 tokens' });
    const before = model.requests.length;
    await restart(signal);
    const { client } = server;
    const first = await nextEvent(client, id, 'turn_finished');
    expect(first.outcome).toBe('interrupted');
    expect(first.error?.message).toMatch(/The turn continues by itself\.$/);
    const started = await nextEvent(client, id, 'turn_started', { after: first.seq });
    expect(started).toMatchObject({ promptIds: [], continuesTurnId: first.turnId });
    const second = await nextEvent(client, id, 'turn_finished', { after: started.seq });
    expect(second).toMatchObject({ turnId: started.turnId, outcome: 'completed' });
    const third = await nextEvent(client, id, 'turn_finished', { after: second.seq });
    expect(third.outcome).toBe('completed');
    expect(ran()).toBe('x');
    const asked = model.requests.slice(before).map(({ body }) => JSON.stringify(body));
    // One to continue, one for the prompt.
    expect(asked).toHaveLength(2);
    expect(asked[0]).toContain('Continue from where you left off.');
    expect(asked[0]).toMatch(/outcome is unknown|Exit code/);

    expect((await nextEvent(client, left.id, 'turn_finished')).outcome).toBe('interrupted');
    expect((await client.getChat(left.id)).state).toBe('cold');
    // Another restart finds nothing to do.
    await restart(signal);
    expect(eventsOf(await readLog(server.client, id), 'turn_started')).toHaveLength(3);
    expect(eventsOf(await readLog(server.client, left.id), 'turn_started')).toHaveLength(1);
    expect(model.requests.length - before).toBe(2);
  }, 120_000);
});

test('TURN-24: what a person interrupted does not continue after a SIGKILL', async () => {
  const { id } = await running();
  await server.client.interrupt(id);
  await nextEvent(server.client, id, 'turn_finished');
  const before = model.requests.length;
  await restart('SIGKILL');
  await server.client.prompt(id, { content: 'stream 2 tokens' });
  const log = await until(async () => {
    const events = await readLog(server.client, id);
    return eventsOf(events, 'turn_finished').length === 2 && events;
  });
  expect(eventsOf(log, 'turn_started').map(({ continuesTurnId }) => continuesTurnId)).toEqual([undefined, undefined]);
  expect(model.requests.length - before).toBe(1);
}, 90_000);
