/** What every SessionStore must do, and what a durable one must do beyond the SDK's own in-memory example. */
import { foldSessionSummary } from '@anthropic-ai/claude-agent-sdk';
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

export interface OpenedSessionStore {
  store: Required<SessionStore>;
  /** Another store over the same data, as another process would have it. */
  peer(): Required<SessionStore>;
  close(): Promise<void>;
}

export interface SessionStoreTraits {
  /** False for a store that is only an example: no idempotency, keys joined by slashes, no check of the subpath. */
  strict: boolean;
}

/** Each test gets an empty store. */
export function describeSessionStore(
  name: string,
  open: () => Promise<OpenedSessionStore>,
  traits: SessionStoreTraits = { strict: true },
): void {
  describe(`${name} as a SessionStore`, () => {
    let opened: OpenedSessionStore;
    let store: Required<SessionStore>;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.close());
    const strictly: (name: string, run: () => Promise<void>) => void = traits.strict ? test : () => undefined;

    const main: SessionKey = { projectKey: 'project', sessionId: 'session' };
    const agent: SessionKey = { ...main, subpath: 'subagents/agent-1' };

    async function summaryOf(key: SessionKey): Promise<{ mtime: number; data: Record<string, unknown> } | undefined> {
      const found = (await store.listSessionSummaries(key.projectKey)).find((it) => it.sessionId === key.sessionId);
      return found && { mtime: found.mtime, data: found.data };
    }

    async function mtimeOf(key: SessionKey): Promise<number> {
      const listed = (await store.listSessions(key.projectKey)).filter((it) => it.sessionId === key.sessionId);
      expect(listed).toHaveLength(1);
      expect(listed[0]?.mtime).toBe((await summaryOf(key))?.mtime);
      return listed[0]?.mtime ?? Number.NaN;
    }

    describe('STORE-1: append and load', () => {
      test('a key never written loads as null', async () => {
        await store.append(main, [line('here')]);
        expect(await store.load({ ...main, sessionId: 'other' })).toBeNull();
        expect(await store.load({ ...main, projectKey: 'other' })).toBeNull();
        expect(await store.load(agent)).toBeNull();
      });

      test('entries come back deep-equal, in append order, over many batches', async () => {
        const entries = Array.from({ length: 60 }, (_, i) =>
          line(`line ${i}`, { n: i, deep: { list: [i, null, {}] } }),
        );
        for (let i = 0; i < entries.length; i += 7) await store.append(main, entries.slice(i, i + 7));
        expect(await store.load(main)).toEqual(entries);
      });

      test.each(nastyTexts)('%s survives in content, type, uuid and keys', async (_, text) => {
        const entry: SessionStoreEntry = {
          type: `t${text}`,
          uuid: `u${text}`,
          timestamp: '2026-01-02T03:04:05.678Z',
          message: { content: [text, { [`k${text}`]: text }] },
          cwd: `/c${text}`,
          customTitle: `c${text}`,
        };
        const key: SessionKey = { projectKey: `p${text}`, sessionId: `s${text}` };
        const sub: SessionKey = { ...key, subpath: `a${text}` };
        await store.append(key, [entry]);
        await store.append(sub, [entry]);
        expect(await store.load(key)).toStrictEqual([entry]);
        expect(await store.load(sub)).toStrictEqual([entry]);
        expect((await store.listSessions(key.projectKey)).map((it) => it.sessionId)).toEqual([key.sessionId]);
        expect((await summaryOf(key))?.data).toEqual(foldSessionSummary(undefined, key, [entry]).data);
        expect(await store.listSubkeys(key)).toEqual([sub.subpath]);
      });

      test('keys and numbers that JavaScript treats specially survive', async () => {
        const entry = JSON.parse(
          '{"type":"x","uuid":"1","__proto__":{"a":1},"constructor":"c","2":"b","1":"a","n":[1e21,1e-7,0.1,-1,9007199254740993]}',
        ) as SessionStoreEntry;
        await store.append(main, [entry]);
        const [loaded] = (await store.load(main)) ?? [];
        expect(loaded).toStrictEqual(entry);
        expect(Object.keys(loaded ?? {})).toContain('__proto__');
      });

      test('changing the batch after the call has no effect', async () => {
        const entry = line('as it was');
        const batch = [entry];
        const appended = store.append(main, batch);
        batch.push(line('too late'));
        await appended;
        expect(await store.load(main)).toHaveLength(1);
      });

      strictly('an empty batch writes nothing', async () => {
        await store.append(main, []);
        await store.append(agent, []);
        expect(await store.load(main)).toBeNull();
        expect(await store.listSessions('project')).toEqual([]);
        expect(await store.listSessionSummaries('project')).toEqual([]);
        expect(await store.listSubkeys(main)).toEqual([]);
        await store.append(main, [line('one')]);
        const before = await mtimeOf(main);
        await store.append(main, []);
        expect(await mtimeOf(main)).toBe(before);
      });

      strictly('an empty subpath is refused', async () => {
        const key = { ...main, subpath: '' };
        await expect(store.append(key, [line('x')])).rejects.toMatchObject({ code: 'invalid_request' });
        await expect(store.load(key)).rejects.toMatchObject({ code: 'invalid_request' });
        await expect(store.delete(key)).rejects.toMatchObject({ code: 'invalid_request' });
        expect(await store.load(main)).toBeNull();
      });

      strictly('keys that look alike when joined are different keys', async () => {
        await store.append({ projectKey: 'a', sessionId: 'b/c' }, [line('1')]);
        await store.append({ projectKey: 'a/b', sessionId: 'c' }, [line('2')]);
        await store.append({ projectKey: 'a', sessionId: 'b', subpath: 'c' }, [line('3')]);
        expect(await store.load({ projectKey: 'a', sessionId: 'b/c' })).toMatchObject([{ text: '1' }]);
        expect(await store.load({ projectKey: 'a/b', sessionId: 'c' })).toMatchObject([{ text: '2' }]);
        expect(await store.load({ projectKey: 'a', sessionId: 'b', subpath: 'c' })).toMatchObject([{ text: '3' }]);
        expect((await store.listSessions('a')).map((it) => it.sessionId)).toEqual(['b/c']);
      });
    });

    describe('STORE-2: idempotency', () => {
      strictly('a uuid is stored once within its session and subpath, the first wins', async () => {
        const [a, b, c] = [line('a'), line('b'), line('c')];
        await store.append(main, [a, b]);
        await store.append(main, [a, b]);
        await store.append(main, [{ ...a, text: 'changed' }, c, { ...c, text: 'changed' }]);
        expect(await store.load(main)).toEqual([a, b, c]);
        await store.append(agent, [a, a]);
        await store.append(agent, [a, c]);
        expect(await store.load(agent)).toEqual([a, c]);
        for (const key of [
          { ...main, sessionId: 'other' },
          { ...main, projectKey: 'other' },
        ]) {
          await store.append(key, [a]);
          expect(await store.load(key)).toEqual([a]);
        }
      });

      test('entries without a uuid are appended every time', async () => {
        const mode = { type: 'mode', mode: 'normal' };
        for (const key of [main, agent]) {
          await store.append(key, [mode, mode]);
          await store.append(key, [mode]);
          expect(await store.load(key)).toEqual([mode, mode, mode]);
        }
      });

      strictly('uuids that differ only in what Postgres cannot hold are different', async () => {
        const uuids = ['x', 'x\u0000', 'x\ud800', 'x\udc00', 'x\ufffd', 'x\\u0000', 'x"', "x'"];
        const entries = uuids.map((uuid) => ({ type: 'user', uuid }));
        await store.append(main, entries);
        await store.append(main, entries);
        expect(await store.load(main)).toStrictEqual(entries);
      });

      strictly('a replay folds only what is new into the summary', async () => {
        const first = line('a', { type: 'custom-title', customTitle: 'first', sessionId: 'session' });
        const second = line('b', { type: 'custom-title', customTitle: 'second', sessionId: 'session' });
        await store.append(main, [first]);
        await store.append(main, [second]);
        const before = await summaryOf(main);
        expect(before?.data['customTitle']).toBe('second');
        await store.append(main, [first]);
        expect(await summaryOf(main)).toEqual(before);
        await store.append(main, [first, line('c')]);
        expect((await summaryOf(main))?.data['customTitle']).toBe('second');
        expect(await store.load(main)).toHaveLength(3);
      });
    });

    describe('STORE-3: lists and summaries', () => {
      test('the summary is the fold over all entries', async () => {
        const entries = conversation(40);
        for (let i = 0; i < entries.length; i += 3) await store.append(main, entries.slice(i, i + 3));
        expect((await summaryOf(main))?.data).toEqual(foldSessionSummary(undefined, main, entries).data);
      });

      test('two stores that write in turn keep one correct summary', async () => {
        const entries = conversation(24);
        const stores = [store, opened.peer()];
        for (const [i, entry] of entries.entries()) await stores[i % 2]?.append(main, [entry]);
        expect(await store.load(main)).toEqual(entries);
        expect((await summaryOf(main))?.data).toEqual(foldSessionSummary(undefined, main, entries).data);
      });

      test('a sub-agent is a subkey, and neither listed as a session nor part of the summary', async () => {
        await store.append(agent, [line('alone', { customTitle: 'not mine' })]);
        expect(await store.listSessions('project')).toEqual([]);
        expect(await store.listSessionSummaries('project')).toEqual([]);
        await store.append(main, [line('main', { customTitle: 'mine' })]);
        const before = await summaryOf(main);
        await store.append(agent, [line('again', { customTitle: 'not mine' })]);
        await store.append({ ...main, subpath: 'subagents/agent-2' }, [line('third')]);
        expect(await summaryOf(main)).toEqual(before);
        expect((await store.listSubkeys(main)).sort()).toEqual(['subagents/agent-1', 'subagents/agent-2']);
        expect(await store.listSubkeys({ ...main, sessionId: 'other' })).toEqual([]);
        expect((await store.listSessions('project')).map((it) => it.sessionId)).toEqual(['session']);
      });

      test('mtime is whole milliseconds, the same in both lists, and grows with every append', async () => {
        let last = 0;
        for (let i = 0; i < 30; i += 1) {
          await store.append(main, [line(`${i}`)]);
          const mtime = await mtimeOf(main);
          expect(Number.isInteger(mtime)).toBe(true);
          expect(mtime).toBeGreaterThan(last);
          last = mtime;
        }
        expect(Math.abs(last - Date.now())).toBeLessThan(60_000);
      });

      test('a project lists its own sessions only', async () => {
        for (const sessionId of ['a', 'b']) await store.append({ projectKey: 'p', sessionId }, [line(sessionId)]);
        await store.append({ projectKey: 'p2', sessionId: 'c' }, [line('c')]);
        expect((await store.listSessions('p')).map((it) => it.sessionId).sort()).toEqual(['a', 'b']);
        expect((await store.listSessionSummaries('p')).map((it) => it.sessionId).sort()).toEqual(['a', 'b']);
        expect(await store.listSessions('nobody')).toEqual([]);
        expect(await store.listSessionSummaries('nobody')).toEqual([]);
      });
    });

    describe('STORE-4: delete', () => {
      const neighbour: SessionKey = { ...main, sessionId: 'session2' };
      beforeEach(async () => {
        for (const key of [main, agent, { ...main, subpath: 'subagents/agent-10' }, neighbour]) {
          await store.append(key, [line('x', { customTitle: 'old' })]);
        }
      });

      test('of the main key removes its subkeys and its summary too, and nothing else', async () => {
        await store.delete(main);
        expect(await store.load(main)).toBeNull();
        expect(await store.load(agent)).toBeNull();
        expect(await store.listSubkeys(main)).toEqual([]);
        expect((await store.listSessions('project')).map((it) => it.sessionId)).toEqual(['session2']);
        expect((await store.listSessionSummaries('project')).map((it) => it.sessionId)).toEqual(['session2']);
        expect(await store.load(neighbour)).toHaveLength(1);
      });

      test('of a subkey removes only that subkey', async () => {
        const before = await summaryOf(main);
        await store.delete(agent);
        expect(await store.load(agent)).toBeNull();
        expect(await store.listSubkeys(main)).toEqual(['subagents/agent-10']);
        expect(await store.load(main)).toHaveLength(1);
        expect(await summaryOf(main)).toEqual(before);
      });

      test('of a missing key does nothing', async () => {
        await store.delete({ ...main, sessionId: 'nobody' });
        await store.delete({ ...main, subpath: 'nobody' });
        expect(await store.load(main)).toHaveLength(1);
      });

      test.each(['the store that wrote before', 'another store'])('lets %s start the session again', async (who) => {
        await opened.peer().delete(main);
        const writer = who === 'another store' ? opened.peer() : store;
        await writer.append(main, [line('y')]);
        expect(await store.load(main)).toMatchObject([{ text: 'y' }]);
        expect((await summaryOf(main))?.data['customTitle']).toBeUndefined();
      });
    });

    describe('STORE-1: many and large', () => {
      test('70,000 entries in one batch', async () => {
        const entries = Array.from({ length: 70_000 }, (_, i) =>
          i % 10 === 0 ? { type: 'mode', n: i } : line('', { n: i }),
        );
        await store.append(main, entries);
        await store.append(agent, entries);
        for (const key of [main, agent]) {
          const loaded = (await store.load(key)) ?? [];
          expect(loaded).toHaveLength(entries.length);
          expect(loaded.findIndex((entry, i) => entry['n'] !== i)).toBe(-1);
        }
      });

      test('one entry of 8 MiB', async () => {
        await store.append(main, [line('small')]);
        const text = 'ab\\"\n\u0000\ud800é'.repeat((8 * 1024 * 1024) / 8);
        await store.append(main, [line(text)]);
        const loaded = await store.load(main);
        expect(loaded).toHaveLength(2);
        expect(loaded?.[1]?.['text'] === text).toBe(true);
      });
    });

    describe('concurrent writers', () => {
      test('calls on one store land in the order they were made', async () => {
        const entries = conversation(60);
        await Promise.all(entries.map((entry) => store.append(main, [entry])));
        expect(await store.load(main)).toEqual(entries);
        expect((await summaryOf(main))?.data).toEqual(foldSessionSummary(undefined, main, entries).data);
      });

      strictly(
        '50 writers with overlapping uuids: no entry lost or doubled, batches whole, summary right',
        async () => {
          const shared = Array.from({ length: 20 }, (_, i) => line(`shared ${i}`, { customTitle: `shared ${i}` }));
          const batches = Array.from({ length: 50 }, (_, writer) => [
            { type: 'mode', writer, part: 'begin' },
            line(`own ${writer}`, { writer, customTitle: `title ${writer}` }),
            ...shared.slice(writer % 20),
            { type: 'mode', writer, part: 'end' },
          ]);
          const peers = Array.from({ length: 10 }, () => opened.peer());
          for (const key of [main, agent]) {
            await Promise.all(batches.map((batch, i) => (peers[i % peers.length] ?? store).append(key, batch)));
            const loaded = (await store.load(key)) ?? [];
            expect(loaded).toHaveLength(50 * 3 + 20);
            expect(new Set(loaded.flatMap((entry) => entry.uuid ?? [])).size).toBe(50 + 20);
            // A batch stays together: between a writer's begin and end there are no marks of another's.
            const marks = loaded.filter((entry) => entry.type === 'mode');
            for (let i = 0; i < marks.length; i += 2) {
              expect(marks[i]).toMatchObject({ part: 'begin' });
              expect(marks[i + 1]).toMatchObject({ part: 'end', writer: marks[i]?.['writer'] });
            }
            if (key === main) {
              expect((await summaryOf(main))?.data).toEqual(foldSessionSummary(undefined, main, loaded).data);
            }
          }
        },
      );

      strictly('a delete among appends leaves a transcript and its summary that agree', async () => {
        const peers = Array.from({ length: 4 }, () => opened.peer());
        for (let round = 0; round < 10; round += 1) {
          await Promise.all(
            peers.map((peer, i) =>
              i === 3
                ? peer.delete(main)
                : peer.append(main, [line(`${round} ${i}`, { customTitle: `${round} ${i}` })]),
            ),
          );
          const loaded = await store.load(main);
          const expected = loaded && foldSessionSummary(undefined, main, loaded).data;
          expect((await summaryOf(main))?.data ?? null).toEqual(expected);
        }
      });
    });
  });
}

/** An entry with a uuid of its own. */
export function line(text: string, more: Record<string, unknown> = {}): SessionStoreEntry {
  return { type: 'user', uuid: randomUUID(), timestamp: '2026-01-02T03:04:05.678Z', text, ...more };
}

/** Entries that exercise what a summary holds: prompts, titles, branches, tags. */
function conversation(length: number): SessionStoreEntry[] {
  return Array.from({ length }, (_, i) => {
    const common = {
      timestamp: new Date(1_767_000_000_000 + i * 1000).toISOString(),
      cwd: '/work',
      isSidechain: false,
    };
    if (i % 5 === 3) return { type: 'custom-title', customTitle: `title ${i}`, n: i };
    if (i % 5 === 4) return { type: 'tag', tag: i % 2 === 0 ? `tag ${i}` : '', n: i };
    return line(`turn ${i}`, {
      ...common,
      type: i % 2 === 0 ? 'user' : 'assistant',
      gitBranch: `branch-${i}`,
      message: { role: i % 2 === 0 ? 'user' : 'assistant', content: `turn ${i}` },
      n: i,
    });
  });
}

const nastyTexts: [string, string][] = [
  ['a NUL', 'a\u0000b'],
  ['a lone high surrogate', 'a\ud83d'],
  ['a lone low surrogate', '\ude00b'],
  ['surrogates in the wrong order', '\ude00\ud83d'],
  ['an emoji', '👩‍👩‍👧 é'],
  ['quotes and backslashes', `"'\\ \\u0000 \\\\ $1 {a,"b"} %_`],
  ['control characters', '\u0001\b\t\n\r\u001b[6n\u007f\u2028\ufeff'],
];
