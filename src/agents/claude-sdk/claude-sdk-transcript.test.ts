// What the store contains of a real session's transcript, and how the next process continues from it.
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InMemorySessionStore, type SessionStore, type SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';

let harness: SdkHarness;
beforeAll(async () => {
  harness = await openSdkHarness({ limits: { repairMs: 20 } });
});
afterAll(() => harness.close());

const identity = (entry: SessionStoreEntry): string => entry.uuid ?? JSON.stringify(entry);

/** The program's own file of a session, without the records of its own requests. */
function entriesInFile(sessionId: string): string[] {
  const folder = join(harness.agent.configDir, 'projects');
  const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
    name.endsWith(`${sessionId}.jsonl`),
  );
  return readFileSync(join(folder, file!), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SessionStoreEntry)
    .filter((entry) => !entry.type.startsWith('api-request'))
    .map(identity);
}

async function entriesIn(store: SessionStore, sessionId: string): Promise<string[]> {
  return ((await store.load({ projectKey: 'chat', sessionId })) ?? []).map(identity);
}

const forgetLocalCopies = (): Promise<void> =>
  rm(join(harness.agent.configDir, 'projects'), { recursive: true, force: true });

test('AGENT-2: a closed session is complete in the store, and resumes from it alone', async () => {
  const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
  for (const text of ['stream 3 tokens', 'stream 4 tokens', 'use a sub-agent: run: ls']) {
    const session = await openSession(harness, spec);
    await runTurn(session, text);
    await session.handle.close();
    const stored = await entriesIn(spec.sessionStore, spec.sessionId);
    expect(stored.toSorted()).toEqual(entriesInFile(spec.sessionId).toSorted());
    expect(stored.some((entry) => entry.includes('"cost-state"'))).toBe(true);
  }
  expect(await spec.sessionStore.listSubkeys({ projectKey: 'chat', sessionId: spec.sessionId })).toHaveLength(1);
  await forgetLocalCopies();
  const session = await openSession(harness, spec);
  const said = textIn(await runTurn(session, 'what did I say'));
  expect(said).toContain('"stream 3 tokens", "stream 4 tokens"');
  await session.handle.close();
});

test('AGENT-3: what the mirror lost is stored from the program’s file, once, and until then the session is busy', async () => {
  const store = new InMemorySessionStore();
  let isBroken = false;
  const breakable: SessionStore = {
    append: (key, entries) => (isBroken ? Promise.reject(new Error('The disk is full.')) : store.append(key, entries)),
    load: (key) => store.load(key),
    listSubkeys: (key) => store.listSubkeys(key),
  };
  const session = await openSession(harness, { sessionStore: breakable });
  const { sessionId } = session;
  await runTurn(session, 'stream 2 tokens');
  isBroken = true;
  const turn = await runTurn(session, 'stream 3 tokens');
  expect(endOf(turn).outcome).toBe('completed');
  expect(ofType(turn, 'notice')).toContainEqual(expect.objectContaining({ code: 'transcript_not_stored' }));
  expect((await entriesIn(store, sessionId)).length).toBeLessThan(entriesInFile(sessionId).length);
  expect(session.handle.isBusy).toBe(true);

  isBroken = false;
  await until(() => !session.handle.isBusy, { what: 'the repair' });
  expect((await entriesIn(store, sessionId)).toSorted()).toEqual(entriesInFile(sessionId).toSorted());
  await runTurn(session, 'stream 4 tokens');
  await session.handle.close();
  expect((await entriesIn(store, sessionId)).toSorted()).toEqual(entriesInFile(sessionId).toSorted());

  await forgetLocalCopies();
  const again = await openSession(harness, { sessionStore: store, sessionId });
  const said = textIn(await runTurn(again, 'what did I say'));
  expect(said).toContain('"stream 2 tokens", "stream 3 tokens", "stream 4 tokens"');
  await again.handle.close();
});

test('AGENT-2: after a resume, what was said before /clear is gone, and what was said after it is kept', async () => {
  const sessionStore = new InMemorySessionStore();
  const first = await openSession(harness, { sessionStore });
  await runTurn(first, 'stream 2 tokens');
  const cleared = await runTurn(first, '/clear');
  const [begun] = ofType(cleared, 'session_started');
  expect(begun?.sessionId).not.toBe(first.sessionId);
  await runTurn(first, 'stream 3 tokens');
  await first.handle.close();
  await forgetLocalCopies();

  const second = await openSession(harness, { sessionStore, sessionId: begun!.sessionId });
  const turn = await runTurn(second, 'what did I say');
  expect(textIn(turn)).toBe('You said: "stream 3 tokens".');
  await second.handle.close();
});

test('AGENT-2: a session whose process died before anything was said starts again under its id', async () => {
  const sessionStore = new InMemorySessionStore();
  const sessionId = crypto.randomUUID();
  await sessionStore.append({ projectKey: 'chat', sessionId }, [
    { type: 'queue-operation', operation: 'enqueue', sessionId, timestamp: new Date().toISOString() },
  ]);
  for (const isResumed of [false, true]) {
    const session = await openSession(harness, { sessionStore, sessionId });
    const turn = await runTurn(session, 'what did I say');
    expect(turn[0]).toMatchObject({ type: 'session_started', sessionId });
    expect(textIn(turn)).toBe(isResumed ? 'You said: "what did I say".' : 'You have not said anything before this.');
    await session.handle.close();
  }
});

test('TURN-5: a store that refuses everything stops no turn and no close', async () => {
  const sessionStore: SessionStore = {
    append: () => Promise.reject(new Error('No.')),
    load: () => Promise.resolve(null),
  };
  const session = await openSession(harness, { sessionStore });
  expect(endOf(await runTurn(session, 'stream 2 tokens')).outcome).toBe('completed');
  await session.handle.close();
  expect(harness.leftovers(session.chatId)).toEqual([]);
});
