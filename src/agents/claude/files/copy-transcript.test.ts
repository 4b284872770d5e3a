import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemorySessionStore, type SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyTranscript, noResultYet, stillWorking } from './copy-transcript.ts';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'boocode-copy-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

const sessionId = randomUUID();
const text = (words: string) => [{ type: 'text', text: words }];
const calling = (id: string) => [{ type: 'tool_use', id, name: 'Bash', input: { command: 'ls' } }];
const result = (id: string) => [{ type: 'tool_result', tool_use_id: id, content: 'x' }];

/** Entries in a chain. */
function chain(...entries: { type: string; content?: unknown; [key: string]: unknown }[]): SessionStoreEntry[] {
  let parentUuid: string | null = null;
  return entries.map(({ content, ...entry }, index) => {
    const message = content === undefined ? {} : { message: { id: `m${index}`, role: entry.type, content } };
    const whole = { ...entry, ...message, uuid: randomUUID(), parentUuid, sessionId };
    parentUuid = whole.uuid;
    return whole;
  });
}
const deferral = (id: string) => ({ type: 'attachment', attachment: { type: 'hook_deferred_tool', toolUseID: id } });

async function copied(entries: SessionStoreEntry[]): Promise<SessionStoreEntry[]> {
  const store = new InMemorySessionStore();
  await store.append({ projectKey: 'chat', sessionId }, entries);
  const file = join(directory, 'copy.jsonl');
  expect(await copyTranscript(store, sessionId, file)).toBe(true);
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SessionStoreEntry);
}
const contentsOf = (entries: SessionStoreEntry[]): string => JSON.stringify(entries.slice(-2));

test('ASIDE-6: a session that has ended its turn is copied as it is', async () => {
  const entries = chain({ type: 'user', content: 'hello' }, { type: 'assistant', content: text('Hi.') });
  expect(await copied(entries)).toEqual(entries);
});

test('ASIDE-6: calls without a result get one, and the last word is the agent’s', async () => {
  const entries = chain({ type: 'user', content: 'hello' }, { type: 'assistant', content: calling('a') });
  const copy = await copied(entries);
  expect(copy.slice(0, 2)).toEqual(entries);
  expect(copy[2]).toMatchObject({ type: 'user', parentUuid: entries[1]!.uuid });
  expect(copy[3]).toMatchObject({ type: 'assistant', parentUuid: copy[2]!.uuid });
  expect(contentsOf(copy)).toContain(noResultYet);
  expect(contentsOf(copy)).toContain(stillWorking);
  expect(copy).toHaveLength(4);
});

test('ASIDE-7: a call that would run when the session is resumed does not, and one that has run stays in the chain', async () => {
  const waiting = chain(
    { type: 'user', content: 'hello' },
    { type: 'assistant', content: calling('a') },
    deferral('a'),
  );
  expect(JSON.stringify(await copied(waiting))).not.toContain('hook_deferred_tool');
  const over = chain(
    { type: 'user', content: 'hello' },
    { type: 'assistant', content: calling('a') },
    deferral('a'),
    { type: 'user', content: result('a') },
    { type: 'assistant', content: text('Done.') },
  );
  expect(await copied(over)).toEqual(over);
});

test('ASIDE-6: costs, modes and notes on background tasks do not come along', async () => {
  const [prompt, answer] = chain(
    { type: 'user', content: 'hello', toolUseResult: { backgroundTaskId: 'b1' } },
    { type: 'assistant', content: text('Hi.') },
  ) as [SessionStoreEntry, SessionStoreEntry];
  const rest = ['cost-state', 'permission-mode', 'queue-operation', 'worktree-state', 'file-history-snapshot'];
  const copy = await copied([prompt, ...rest.map((type) => ({ type, sessionId })), answer]);
  expect(copy).toEqual([{ ...prompt, toolUseResult: undefined }, answer]);
  expect(JSON.stringify(copy)).not.toContain('toolUseResult');
});

test('ASIDE-6: a session in which nothing was said yet has no copy', async () => {
  const store = new InMemorySessionStore();
  const file = join(directory, 'copy.jsonl');
  await store.append({ projectKey: 'chat', sessionId }, [{ type: 'mode', mode: 'default', sessionId }]);
  expect(await copyTranscript(store, sessionId, file)).toBe(false);
  expect(existsSync(file)).toBe(false);
});
