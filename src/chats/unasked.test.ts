import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openChatLog } from '../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { AgentDirectory } from '../agents/agent.ts';
import { type AgentBackend, type BegunPrompt, endWithoutResult, type StoredSession } from '../agents/agent-backend.ts';
import { BooError, type ErrorCode } from '../protocol/error.ts';
import { PostgresSessionStore } from '../session-store.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { type ChatRow, findChat } from '../store/chats.ts';
import { insertTurn } from '../store/turns.ts';
import type { ChatLog } from './chat-log.ts';
import { mayBeUnasked, notTaken, wasAsked } from './unasked.ts';

test('a turn without a sign may be unasked if the agent failed, or was closed by nobody who interrupted the turn', () => {
  const failed = (code: ErrorCode) => endWithoutResult('failed', new BooError(code, 'No.'));
  expect(mayBeUnasked(endWithoutResult('interrupted'), false)).toBe(true);
  expect(mayBeUnasked(endWithoutResult('interrupted'), true)).toBe(false);
  expect(mayBeUnasked(failed('agent_failed'), true)).toBe(true);
  expect(mayBeUnasked(failed('model_error'), false)).toBe(false);
  expect(mayBeUnasked(endWithoutResult('failed'), false)).toBe(false);
  expect(mayBeUnasked({ ...failed('agent_failed'), outcome: 'completed' }, false)).toBe(false);
});

test('the end of a turn whose prompt was not taken says that it waits again', () => {
  expect(notTaken()).toMatchObject({
    code: 'agent_failed',
    message: 'The agent ended before it took the prompt, which waits again.',
  });
});

describe('PROMPT-10: whether a prompt reached its agent', () => {
  let database: TestDatabase;
  let log: ChatLog;
  let chat: ChatRow;
  let warnings: unknown[][];
  /** What the agent was asked. */
  let asked: [StoredSession, BegunPrompt][];
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    log = await openChatLog(database.sql);
    chat = (await findChat(database.sql, log.lease.chatId))!;
    [warnings, asked] = [[], []];
  });

  const turnId = randomUUID();
  const content = [{ type: 'text' as const, text: 'hello' }];
  const none = (): void => {};
  const look = (backend: Pick<AgentBackend, 'wasAsked'>): Promise<boolean> => {
    const agents = {
      backendFor: (name: string) => (expect(name).toBe('claude_sdk'), backend),
      agentFor: () => ({ foldSummary: () => undefined }),
    };
    const logger = { debug: none, info: none, error: none, warn: (...line: unknown[]) => void warnings.push(line) };
    const parts = { sql: database.sql, lease: log.lease, chat, logger, agents: agents as unknown as AgentDirectory };
    return wasAsked(parts, turnId, { content });
  };
  const answering = (answer: boolean): Pick<AgentBackend, 'wasAsked'> => ({
    wasAsked: (session, prompt) => (asked.push([session, prompt]), Promise.resolve(answer)),
  });
  async function open(): Promise<string> {
    const sessionId = randomUUID();
    await openAgentSession(database.sql, log.lease, { agent: 'claude', backend: 'claude_sdk', sessionId });
    return sessionId;
  }

  test.each([true, false])('is what the agent finds in its transcript: %s', async (answer) => {
    const sessionId = await open();
    expect(await look(answering(answer))).toBe(answer);
    expect(asked).toMatchObject([
      [
        { sessionId, cwd: '/' },
        { turnId, content },
      ],
    ]);
    expect(warnings).toEqual([]);
  });

  test('takes into account what was stored before the turn', async () => {
    const sessionId = await open();
    const store = new PostgresSessionStore({ sql: database.sql });
    const key = { projectKey: chat.id, sessionId };
    await store.append(key, [{ type: 'user', uuid: 'before' }]);
    await insertTurn(database.sql, log.lease, turnId);
    await store.append(key, [{ type: 'user', uuid: 'since' }]);
    await look(answering(true));
    const before = await asked[0]![1].storedBefore(['before', 'since']);
    expect([...before]).toEqual(['before']);
    expect(await asked[0]![0].sessionStore.load({ projectKey: chat.id, sessionId })).toHaveLength(2);
  });

  test('is certain to be false of a chat that never had a session', async () => {
    expect(await look(answering(true))).toBe(false);
    expect(asked).toEqual([]);
  });

  test('counts as true if nobody can tell', async () => {
    expect(await look({})).toBe(true);
    expect(warnings).toEqual([]);
    await open();
    const err = new Error('unreadable');
    expect(await look({ wasAsked: () => Promise.reject(err) })).toBe(true);
    expect(warnings).toEqual([[{ chatId: chat.id, err }, 'Could not find out whether a prompt reached the agent.']]);
  });
});
