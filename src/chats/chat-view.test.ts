import { describe, expect, test } from 'vitest';
import { chatRow } from '../../test/support/new-chat.ts';
import type { Event } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import type { ChatRow } from '../store/chats.ts';
import { afterEvent, atRest, chatView } from './chat-view.ts';

const hold = {
  reason: 'usage_limit',
  message: 'Wait.',
  resetsAt: '2030-01-01T00:00:00.000Z',
  promptId: 'p',
  sendsAgain: true,
} as const;
const heldSince = { ...hold, since: '2029-12-31T00:00:00.000Z' };
const directory = { cwd: '/work/tree/sub', worktree: '/work/tree' };

const row = chatRow({
  title: 'Title',
  cwd: '/work/project',
  waitingPrompts: 2,
  costUsd: 1,
  tokensIn: 10,
  tokensOut: 20,
});

describe('a chat as clients see it', () => {
  test('has the fields of its row, without those of the store alone', () => {
    const {
      ordinal: _,
      agentDirectory: _2,
      waitingPrompts: _3,
      isAsking: _4,
      hasAnswer: _5,
      continuation: _6,
      budgetWarnedUsd: _7,
      ...fields
    } = row;
    expect(chatView(row, atRest(row))).toEqual({
      ...fields,
      waiting: 2,
      currentDirectory: '/work/project',
      state: 'cold',
      waitsFor: null,
      mcpServers: null,
      createdAt: '1970-01-01T00:00:00.000Z',
      updatedAt: '1970-01-01T00:00:00.001Z',
    });
  });

  test('waits for a person also while no host holds it', () => {
    expect(chatView(row, atRest({ isAsking: true })).state).toBe('waiting');
  });

  test.each([
    ['/work/project', 'project'],
    ['/', '/'],
  ])('is named after its directory %s until it has a title', (cwd, title) => {
    expect(chatView({ ...row, cwd, title: null }, atRest(row)).title).toBe(title);
    expect(chatView({ ...row, cwd }, atRest(row)).title).toBe('Title');
  });

  test('says when its queue resumes by itself only if it does', () => {
    const held = { ...row, hold: heldSince };
    expect(chatView(held, atRest(held)).hold).toEqual({ ...heldSince, resumesAt: null });
    expect(chatView({ ...held, resumeAtReset: true }, atRest(held)).hold).toEqual({
      ...heldSince,
      resumesAt: heldSince.resetsAt,
    });
  });

  test.each([
    ['cold', '/work/tree'],
    ['failed', '/work/tree'],
    ['warming', '/work/tree'],
    ['ready', '/work/tree/sub'],
    ['running', '/work/tree/sub'],
    ['waiting', '/work/tree/sub'],
  ] as const)('AGENT-35: is, when %s, in %s', (state, expected) => {
    const live = { ...atRest(row), state };
    expect(chatView({ ...row, agentDirectory: directory }, live).currentDirectory).toBe(expected);
    expect(chatView(row, live).currentDirectory).toBe('/work/project');
  });

  test('AGENT-35: is in its directory while the agent works in no worktree and does not run', () => {
    const agentDirectory = { cwd: '/work/project/sub', worktree: null };
    expect(chatView({ ...row, agentDirectory }, atRest(row)).currentDirectory).toBe('/work/project');
  });
});

describe('a row after an event', () => {
  const after = (event: object, before: Partial<ChatRow> = {}): Partial<ChatRow> => {
    const full = { chatId: 'c', seq: 4, at: '2030-01-02T00:00:00.000Z', ...event } as Event;
    const start = { ...row, ...before };
    const { head, updatedAt, ...next } = afterEvent(start, full);
    expect([head, updatedAt.toISOString()]).toEqual([4, full.at]);
    // Only what has changed.
    return Object.fromEntries(Object.entries(next).filter(([name, value]) => value !== start[name as keyof ChatRow]));
  };
  const usage = { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 4, cacheCreationInputTokens: 8 };

  test.each<[string, object, Partial<ChatRow>]>([
    ['prompt_accepted', {}, { waitingPrompts: 3 }],
    ['prompt_cancelled', {}, { waitingPrompts: 1 }],
    ['turn_started', { promptIds: ['a', 'b'] }, { waitingPrompts: 0 }],
    ['turn_started', { promptIds: [] }, {}],
    ['queue_resumed', { requeuedPromptIds: ['a'] }, { waitingPrompts: 3 }],
    ['queue_resumed', {}, {}],
    ['turn_finished', { usage: noUsage, costUsd: 0, requeuedPromptIds: ['a', 'b'] }, { waitingPrompts: 4 }],
    ['turn_finished', { usage, costUsd: 0.5 }, { costUsd: 1.5, tokensIn: 23, tokensOut: 22 }],
    ['agent_message', { content: [] }, {}],
    ['chat_updated', { title: 'Other' }, {}],
  ])('%s %j counts what waits and what was spent', (type, rest, changed) => {
    expect(after({ type, ...rest })).toEqual(changed);
  });

  test('FLIP-8: counts what a session reports at its end, and nothing of other notices', () => {
    const data = { costUsd: 0.5, models: { a: usage, b: { outputTokens: 5 } } };
    const notice = { type: 'notice', code: 'session_cost', data };
    expect(after(notice)).toEqual({ costUsd: 1.5, tokensIn: 23, tokensOut: 27 });
    expect(after({ ...notice, code: 'another' })).toEqual({});
    expect(after({ ...notice, type: 'agent_message' })).toEqual({});
    for (const odd of [undefined, {}, { costUsd: '1', models: null }, { models: 'abc' }]) {
      expect(after({ ...notice, data: odd })).toEqual({});
    }
  });

  test('is held from queue_held until queue_resumed', () => {
    const held = after({ type: 'queue_held', ...hold });
    expect(held).toEqual({ hold: { ...hold, since: '2030-01-02T00:00:00.000Z' } });
    expect(after({ type: 'agent_message' }, { hold: heldSince })).toEqual({});
    expect(after({ type: 'queue_resumed' }, { hold: heldSince })).toEqual({ hold: null });
  });

  test('AGENT-34: has the agent’s last directory until the chat is moved', () => {
    expect(after({ type: 'current_directory_update', ...directory })).toEqual({ agentDirectory: directory });
    const before = { agentDirectory: directory };
    expect(after({ type: 'chat_updated', title: 'Other' }, before)).toEqual({});
    expect(after({ type: 'agent_message', cwd: '/other' }, before)).toEqual({});
    expect(after({ type: 'chat_updated', cwd: '/other' }, before)).toEqual({ agentDirectory: null });
  });
});
