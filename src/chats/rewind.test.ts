import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openChatLog, openChatSettings } from '../../test/support/open-chat-log.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { Agent } from '../agents/agent.ts';
import type { SessionRewind } from '../agents/agent-backend.ts';
import type { AgentDirectory, Event } from '../protocol/event.ts';
import { doneByActor } from '../protocol/principal.ts';
import { noUsage } from '../protocol/usage.ts';
import { findAgentSession, openAgentSession } from '../store/agent-sessions.ts';
import { findChat } from '../store/chats.ts';
import { readEvents } from '../store/events.ts';
import { finishTurn } from '../store/turns.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSession } from './chat-session.ts';
import type { ChatSettings } from './chat-settings.ts';
import { acceptPrompt } from './prompt-acceptance.ts';
import { rewindConversation } from './rewind.ts';

let database: TestDatabase;
let log: ChatLog;
let settings: ChatSettings;
let from: string;
/** What has happened, in order. */
let seen: string[];
/** What the agent was asked to take back, and what it answers. */
let asked: SessionRewind[];
let answer: Awaited<ReturnType<NonNullable<Agent['rewindSession']>>>;
let canRewind: boolean;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  log = await openChatLog(database.sql);
  settings = await openChatSettings(database.sql, log);
  settings.name('A name');
  from = randomUUID();
  [seen, asked, answer, canRewind] = [[], [], { worktree: null }, true];
  await openAgentSession(database.sql, log.lease, { agent: 'claude', backend: 'claude_sdk', sessionId: from });
});

const textOf = (id: string) => [{ type: 'text' as const, text: `Do ${id}.` }];

/** A prompt whose turn has ended. */
async function run(id: string, error?: 'context_exceeded' | 'model_error'): Promise<string> {
  const turnId = randomUUID();
  await acceptPrompt(log, settings, { id, content: textOf(id), actor: anActor }, turnId);
  const outcome = error ? 'failed' : 'completed';
  const usage = error ? noUsage : { ...noUsage, outputTokens: 1 };
  await finishTurn(database.sql, {
    id: turnId,
    outcome,
    usage,
    costUsd: 0,
    ...(error ? { error: { code: error, message: '' } } : {}),
  });
  return turnId;
}

function rewind(promptId?: string) {
  const rewindSession = (what: SessionRewind) => {
    seen.push('rewind');
    asked.push(what);
    return Promise.resolve(answer);
  };
  const agent = { foldSummary: () => undefined, ...(canRewind ? { rewindSession } : {}) };
  const agents = { agentFor: () => agent };
  const session = { close: () => Promise.resolve(void seen.push('close')) };
  const context = { sql: database.sql, log, settings, agents } as unknown as ChatContext;
  return rewindConversation(context, session as unknown as ChatSession, promptId, anActor);
}

const lastEvents = async (count: number): Promise<Event[]> =>
  (await readEvents(database.sql, log.lease.chatId, { after: 0, limit: 100 })).slice(-count);
const sessionNow = () => findAgentSession(database.sql, log.lease.chatId, 'claude');

describe('AGENT-23: a rewind', () => {
  test('takes a prompt back with all that came after it, into another session', async () => {
    await run('a');
    const [b, c] = [await run('b'), await run('c')];
    expect(await rewind('b')).toEqual(['b', 'c']);
    // The session is closed first, so that its transcript is complete.
    expect(seen).toEqual(['close', 'rewind']);
    const to = (await sessionNow())!;
    expect(to).not.toBe(from);
    const prompts = [
      { turnId: b, content: textOf('b') },
      { turnId: c, content: textOf('c') },
    ];
    expect(asked).toMatchObject([{ cwd: '/', from, to, prompts }]);
    expect(asked[0]?.sessionStore).toBeDefined();
    expect(await lastEvents(1)).toMatchObject([
      { type: 'session_rewound', promptIds: ['b', 'c'], sessionId: to, ...doneByActor(anActor) },
    ]);
    // What was taken back cannot be taken back again.
    await expect(rewind('c')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await rewind('a')).toEqual(['a']);
  });

  test('without a prompt takes back from the first one that was too long', async () => {
    const none = {
      code: 'not_found',
      message: 'No prompt needs to be taken back: the last one that failed was not too long.',
    };
    await run('a', 'model_error');
    await expect(rewind()).rejects.toMatchObject(none);
    expect(seen).toEqual([]);
    await run('b', 'context_exceeded');
    await run('c', 'context_exceeded');
    expect(await rewind()).toEqual(['b', 'c']);
    await expect(rewind()).rejects.toMatchObject(none);
  });

  test.each<[string, () => Promise<void> | void]>([
    ['of an unknown prompt', () => {}],
    ['that the agent does not find', async () => void ((answer = null), await run('x'))],
    ['of an agent that cannot do it', async () => void ((canRewind = false), await run('x'))],
    [
      'of a chat without a session',
      async () => {
        await run('x');
        await database.sql`delete from boocode.agent_sessions where chat_id = ${log.lease.chatId}`;
      },
    ],
  ])('%s is refused, and nothing changes', async (_, prepare) => {
    await prepare();
    const session = await sessionNow();
    const before = await lastEvents(100);
    await expect(rewind('x')).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'before: the agent’s session does not contain this prompt. It may already have been taken back.',
      details: { field: 'before' },
    });
    expect(await lastEvents(100)).toEqual(before);
    expect(await sessionNow()).toBe(session);
  });
});

describe('the worktree of the agent after a rewind', () => {
  const cwd = '/w';
  test.each<[string, AgentDirectory | null, string | null, AgentDirectory | null]>([
    ['is left if it was entered since', { cwd, worktree: '/w' }, null, { cwd: '/', worktree: null }],
    ['is entered again if it was left since', null, '/w', { cwd, worktree: '/w' }],
    ['is not reported if it is the same', { cwd: '/w/sub', worktree: '/w' }, '/w', null],
    ['is not reported if there was none', { cwd: '/sub', worktree: null }, null, null],
  ])('%s', async (_, before, worktree, then) => {
    await run('a');
    settings.stored({ agentDirectory: before } as never);
    answer = { worktree };
    await rewind('a');
    const row = await findChat(database.sql, log.lease.chatId);
    const changes = then ? [{ type: 'current_directory_update', ...then }] : [];
    expect(await lastEvents(1 + changes.length)).toMatchObject([{ type: 'session_rewound' }, ...changes]);
    expect(row?.agentDirectory ?? null).toEqual(then);
  });
});
