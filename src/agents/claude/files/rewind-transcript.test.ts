import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemorySessionStore, type SessionStore, type SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AgentPrompt } from '../../agent-backend.ts';
import { rewindTranscript } from './rewind-transcript.ts';

const [from, to] = ['session-from', 'session-to'];
const said = (uuid: string, content: string): SessionStoreEntry => ({
  type: 'user',
  uuid,
  sessionId: from,
  message: { role: 'user', content },
});
const queued: SessionStoreEntry = { type: 'queue-operation', operation: 'enqueue', sessionId: from };
const asked = (turnId: string, text: string): AgentPrompt => ({ turnId, content: [{ type: 'text', text }] });
const long = Array.from({ length: 1_200 }, (_, index) => said(`u${index}`, `word ${index}`));

let root: string;
let memory: InMemorySessionStore;
/** A store that can only be read and written in pieces of at most 500. */
let store: SessionStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'boocode-rewind-'));
  memory = new InMemorySessionStore();
  const paged = {
    append: (...given: Parameters<SessionStore['append']>) => {
      expect(given[1].length).toBeLessThanOrEqual(500);
      return memory.append(...given);
    },
    load: () => Promise.reject(new Error('Nobody holds it as a whole.')),
    listSubkeys: (key: { projectKey: string; sessionId: string }) => memory.listSubkeys(key),
    async *loadPages(key: Parameters<SessionStore['load']>[0]): AsyncGenerator<SessionStoreEntry[]> {
      const entries = (await memory.load(key)) ?? [];
      for (let at = 0; at < entries.length; at += 500) yield entries.slice(at, at + 500);
    },
  };
  store = paged;
});
afterEach(() => rm(root, { recursive: true }));

const rewound = (...prompts: AgentPrompt[]): ReturnType<typeof rewindTranscript> =>
  rewindTranscript({ sessionStore: store, cwd: root, from, to, prompts }, join(root, 'config'));
const rewind = async (...prompts: AgentPrompt[]): Promise<boolean> => (await rewound(...prompts)) !== null;
const uuids = async (subpath?: string): Promise<(string | undefined)[] | undefined> =>
  (await memory.load({ projectKey: 'chat', sessionId: to, ...(subpath === undefined ? {} : { subpath }) }))?.map(
    ({ uuid, sessionId }) => (sessionId === to ? uuid : 'of another session'),
  );
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `u${index}`);

test('TRANSCRIPT-13: a long session is rewound in pieces, with its sub-agents’ transcripts', async () => {
  await memory.append({ projectKey: 'chat', sessionId: from }, [...long, queued, queued, said('last', 'too long')]);
  await memory.append({ projectKey: 'chat', sessionId: from, subpath: 'subagents/agent-1' }, long);
  expect(await rewind(asked('last', 'whatever'))).toBe(true);
  expect(await uuids()).toEqual(names(1_200));
  expect(await uuids('subagents/agent-1')).toEqual(names(1_200));
});

test('AGENT-35: the new session is in the worktree that the old one used before the prompt', async () => {
  const entered = (worktreePath: string | null): SessionStoreEntry => ({
    type: 'worktree-state',
    sessionId: from,
    worktreeSession: worktreePath === null ? null : { worktreePath },
  });
  await memory.append({ projectKey: 'chat', sessionId: from }, [
    said('one', 'one'),
    entered('/alpha'),
    said('two', 'two'),
    entered(null),
  ]);
  expect(await rewound(asked('two', 'two'))).toEqual({ worktree: '/alpha' });
  expect(await rewound(asked('gone', 'gone'))).toBeNull();
});

test('AGENT-23: a prompt with another id is recognized by its text, counting from the last prompts taken back', async () => {
  const twice = [...long.slice(0, 3), said('a', 'again'), queued, said('b', 'again'), said('c', 'again')];
  await memory.append({ projectKey: 'chat', sessionId: from }, twice);
  expect(await rewind(asked('x', 'never said'))).toBe(false);
  expect(await uuids()).toBeUndefined();
  expect(await rewind(asked('x', 'again'), asked('y', 'again'))).toBe(true);
  expect(await uuids()).toEqual([...names(3), 'a']);
});
