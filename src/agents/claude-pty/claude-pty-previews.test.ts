// What the real program shows while it streams, as previews of what its transcript says.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent } from '../agent-backend.ts';

let harness: PtyHarness;
beforeAll(async () => void (harness = await openPtyHarness()));
afterAll(() => harness.close());

const line = 'I hold after this line.\n';
const previewed = (events: readonly AgentEvent[]): string =>
  ofType(events, 'agent_message_chunk')
    .map(({ content }) => content.text)
    .join('');

test('PTY-14: a line is a preview while the model is still answering, and its message replaces it', async () => {
  const session = await openSession(harness);
  // The session is announced with the first message of the transcript.
  await runTurn(session, 'stream 3 tokens');
  const events: AgentEvent[] = [];
  const turn = runTurn(session, 'hold after a line', { onEvent: (event) => events.push(event) });
  await until(() => previewed(events) === line, { what: 'the first line' });
  expect(ofType(events, 'agent_message')).toEqual([]);
  expect(harness.held()).toBe(1);
  harness.release();
  const told = await turn;
  expect(endOf(told).outcome).toBe('completed');
  expect(textIn(told)).toBe(`${line}Now I go on.`);
  const [message] = ofType(told, 'agent_message');
  expect(new Set(ofType(told, 'agent_message_chunk').map(({ messageId }) => messageId))).toEqual(
    new Set([message!.messageId]),
  );
  expect(textIn(told).startsWith(previewed(told))).toBe(true);
  await session.handle.close();
});

test('PTY-14: every message of a turn with tools has a preview of its own at most', async () => {
  const session = await openSession(harness, { permissionMode: 'bypassPermissions' });
  // The last one may be followed by a turn of the agent's own, which tells that its sub-agent has ended.
  for (const prompt of ['run: echo hello', 'stream 300 tokens', 'use a sub-agent']) {
    const told = await runTurn(session, prompt);
    expect(endOf(told).outcome).toBe('completed');
    const messages = ofType(told, 'agent_message');
    expect(messages.length).toBeGreaterThan(0);
    for (const { messageId, content } of ofType(told, 'agent_message_chunk')) {
      const own = messages.filter((each) => each.messageId === messageId);
      expect(own, `${prompt}: ${content.text}; ${JSON.stringify(messages)}`).toHaveLength(1);
      expect(JSON.stringify(own[0]!.content)).toContain(JSON.stringify(content.text).slice(1, -1));
    }
  }
  await session.handle.close();
});

test('PTY-17: without the hook, as where settings forbid it, the answer comes from the transcript alone', async () => {
  const strict = await openPtyHarness();
  try {
    await mkdir(strict.agent.configDir, { recursive: true });
    await writeFile(join(strict.agent.configDir, 'settings.json'), '{"allowedHttpHookUrls": []}');
    const session = await openSession(strict);
    const told = await runTurn(session, 'stream 20 tokens');
    expect(endOf(told).outcome).toBe('completed');
    expect(ofType(told, 'agent_message_chunk')).toEqual([]);
    expect(textIn(told)).toContain('t20');
    await session.handle.close();
  } finally {
    await strict.close();
  }
});

test('PTY-15: what was shown of an interrupted answer is in the turn once at most', async () => {
  const session = await openSession(harness);
  // The session is announced with the first message of the transcript.
  await runTurn(session, 'stream 3 tokens');
  const events: AgentEvent[] = [];
  const turn = runTurn(session, 'hold after a line', { onEvent: (event) => events.push(event) });
  await until(() => previewed(events) === line, { what: 'the first line' });
  await session.handle.interrupt();
  const told = await turn;
  expect(endOf(told).outcome).toBe('interrupted');
  const [shown] = ofType(told, 'agent_message_chunk');
  const messages = ofType(told, 'agent_message');
  expect(messages.filter(({ messageId }) => messageId === shown!.messageId)).toHaveLength(messages.length);
  expect(messages.length).toBeLessThan(2);
  expect(textIn(await runTurn(session, 'stream 3 tokens'))).toBe('t1 t2 t3 ');
  await session.handle.close();
});
