import { mkdir, mkdtemp, readFile, readdir, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InMemorySessionStore, type SessionStore, type SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { uuidV7 } from '../../../lib/uuid.ts';
import {
  leaveDirectory,
  projectFolder,
  projectKey,
  reconcileTranscript,
  removeTranscript,
  storeSurplus,
  type TranscriptPlace,
} from './transcript-file.ts';

const sessionId = '11111111-1111-4111-8111-111111111111';
const key = { projectKey, sessionId };
let root: string;
let place: TranscriptPlace;
let file: string;
let store: SessionStore;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-transcript-')));
  const cwd = join(root, 'work');
  await mkdir(cwd);
  place = { configDir: join(root, 'config'), cwd, sessionId };
  file = join(place.configDir, 'projects', projectFolder(cwd), `${sessionId}.jsonl`);
  store = new InMemorySessionStore();
});
afterEach(() => rm(root, { recursive: true, force: true }));

const user = (uuid: string, text = uuid): SessionStoreEntry => ({ type: 'user', uuid, text });
const mode = (text: string): SessionStoreEntry => ({ type: 'mode', text });
const lines = (entries: readonly SessionStoreEntry[]): string =>
  entries.map((each) => `${JSON.stringify(each)}\n`).join('');

async function putFile(content: string | readonly SessionStoreEntry[], path = file): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof content === 'string' ? content : lines(content));
}
const fileNow = (path = file): Promise<string> => readFile(path, 'utf8');

describe('AGENT-2: before a session is opened, file and store agree', () => {
  test('a new session has neither', async () => {
    expect(await reconcileTranscript(store, place)).toBeNull();
    await expect(fileNow()).rejects.toThrow('ENOENT');
    expect(await store.load(key)).toBeNull();
  });

  test('a file that is missing is written from the store, readable by its owner only', async () => {
    const entries = [user('a'), mode('x'), user('b', 'NUL \u0000, half \ud800 and 漢字')];
    await store.append(key, entries);
    expect(await reconcileTranscript(store, place)).not.toBeNull();
    expect(await fileNow()).toBe(lines(entries));
    expect(await readdir(dirname(file))).toEqual([`${sessionId}.jsonl`]);
  });

  test('the file’s surplus is stored in order, and the file stays unchanged', async () => {
    await store.append(key, [user('a'), mode('x')]);
    const whole = [user('a'), mode('x'), mode('x'), user('b'), mode('y')];
    await putFile(whole);
    expect(await reconcileTranscript(store, place)).not.toBeNull();
    expect(await store.load(key)).toEqual(whole);
    expect(await fileNow()).toBe(lines(whole));
    await reconcileTranscript(store, place);
    expect(await store.load(key)).toEqual(whole);
  });

  test('SECRET-5: an entry without a uuid that has a secret’s value is found in the store, which has it without', async () => {
    const redact = (entry: SessionStoreEntry): SessionStoreEntry =>
      JSON.parse(JSON.stringify(entry).replaceAll('the-value', '[secret NAME]')) as SessionStoreEntry;
    const redacted: SessionStore = Object.assign(new InMemorySessionStore(), {
      append: (to: typeof key, entries: SessionStoreEntry[]) => store.append(to, entries.map(redact)),
      load: () => store.load(key),
      storedForm: () => Promise.resolve(redact),
    });
    const whole = [user('a'), mode('the-value'), mode('the-value'), user('b', 'the-value'), mode('y')];
    await redacted.append(key, whole.slice(0, 2));
    await putFile(whole);
    await storeSurplus(redacted, place);
    expect(await store.load(key)).toEqual(whole.map(redact));
    await reconcileTranscript(redacted, place);
    await storeSurplus(redacted, place);
    expect(await store.load(key)).toEqual(whole.map(redact));
    // It lacks nothing of what is stored, so the agent goes on with what it knows.
    expect(await fileNow()).toBe(lines(whole));
  });

  describe('TURN-27: what follows a prompt that the log does not know', () => {
    const [known, unknown, later] = [uuidV7(), uuidV7(), uuidV7()];
    const answer = (uuid: string): SessionStoreEntry => ({ type: 'assistant', uuid });
    const stored = [user('a'), answer('b')];
    beforeEach(async () => {
      const turnsAmong = (ids: readonly string[]) => Promise.resolve(new Set(ids.filter((id) => id === known)));
      store = Object.assign(store, { turnsAmong });
      await store.append(key, stored);
    });

    test('is dropped from the file and never stored, whoever looks', async () => {
      const more = [user(known), answer('c')];
      await putFile([...stored, ...more, user(unknown), mode('x'), answer('d'), { type: 'api-request', uuid: 'e' }]);
      await storeSurplus(store, place);
      expect(await store.load(key)).toEqual([...stored, ...more]);
      await reconcileTranscript(store, place);
      expect(await store.load(key)).toEqual([...stored, ...more]);
      expect(await fileNow()).toBe(lines([...stored, ...more]));
    });

    test('is kept if the store has something behind it', async () => {
      const whole = [...stored, user(unknown), answer('c'), user(later), answer('d')];
      await store.append(key, [answer('c')]);
      await putFile(whole);
      await reconcileTranscript(store, place);
      expect(await fileNow()).toBe(lines(whole.slice(0, 4)));
      expect(await store.load(key)).toEqual([...stored, answer('c'), user(unknown)]);
    });

    test('includes nothing else that a person or the program has said', async () => {
      const whole = [...stored, user('33333333-3333-4333-8333-333333333333'), answer(unknown), user('c')];
      await putFile(whole);
      await reconcileTranscript(store, place);
      expect(await fileNow()).toBe(lines(whole));
      expect(await store.load(key)).toEqual(whole);
    });
  });

  test('a file that lacks stored entries is rewritten: the store is the transcript', async () => {
    const stored = [user('a'), user('b')];
    await store.append(key, stored);
    await putFile([user('a'), user('other')]);
    expect(await reconcileTranscript(store, place)).not.toBeNull();
    expect(await fileNow()).toBe(lines(stored));
    expect(await store.load(key)).toEqual(stored);
  });

  test('a file in a different order than the store lacks nothing', async () => {
    await store.append(key, [user('b'), user('a')]);
    await putFile([user('a'), user('b')]);
    await reconcileTranscript(store, place);
    expect(await fileNow()).toBe(lines([user('a'), user('b')]));
    expect(await store.load(key)).toHaveLength(2);
  });

  test('an incomplete last line, as a killed program leaves it, is cut off', async () => {
    await store.append(key, [user('a')]);
    await putFile(`${lines([user('a'), user('b')])}{"type":"user","uuid":"c","te`);
    await reconcileTranscript(store, place);
    expect(await store.load(key)).toEqual([user('a'), user('b')]);
    expect(await fileNow()).toBe(lines([user('a'), user('b')]));
  });

  test('a last line without a line break gets one', async () => {
    await putFile(lines([user('a')]).trimEnd());
    await reconcileTranscript(store, place);
    expect(await fileNow()).toBe(lines([user('a')]));
    expect(await store.load(key)).toEqual([user('a')]);
  });

  test('the program’s records of its own requests stay on this machine', async () => {
    const local: SessionStoreEntry = { type: 'api-request-blob', text: 'large' };
    await putFile([user('a'), local]);
    await reconcileTranscript(store, place);
    expect(await store.load(key)).toEqual([user('a')]);
    expect(await fileNow()).toBe(lines([user('a'), local]));
  });

  test('a session without messages counts as new, and its file is removed', async () => {
    await store.append(key, [mode('x')]);
    expect(await reconcileTranscript(store, place)).toBeNull();
    await expect(fileNow()).rejects.toThrow('ENOENT');
  });

  test('sub-agents’ transcripts are handled with the session', async () => {
    const folder = join(dirname(file), sessionId);
    await store.append(key, [user('a')]);
    await store.append({ ...key, subpath: 'subagents/agent-1' }, [user('s1')]);
    await putFile([user('s2')], join(folder, 'subagents', 'agent-2.jsonl'));
    await reconcileTranscript(store, place);
    expect(await fileNow(join(folder, 'subagents', 'agent-1.jsonl'))).toBe(lines([user('s1')]));
    expect(await store.load({ ...key, subpath: 'subagents/agent-2' })).toEqual([user('s2')]);

    await removeTranscript(place);
    expect(await readdir(dirname(file))).toEqual([]);
  });

  test('a stored subpath never leads out of the session’s folder', async () => {
    await store.append(key, [user('a')]);
    for (const subpath of ['../../../../escaped', '../other-session', '/etc/escaped', '..']) {
      await store.append({ ...key, subpath }, [user('evil')]);
    }
    await reconcileTranscript(store, place);
    const written = await readdir(root, { recursive: true });
    const folder = join(dirname(file), sessionId, '/').slice(root.length + 1);
    const outside = written.filter((name) => name.endsWith('.jsonl') && !name.startsWith(folder));
    expect(outside).toEqual([file.slice(root.length + 1)]);
  });
});

describe('TRANSCRIPT-13: a long transcript', () => {
  const count = 30_000;
  const long = Array.from({ length: count }, (_, index) => user(`u${index}`, 'x'.repeat(100)));
  /** A paged store that yields to the event loop before each page, and records its largest append. */
  const paged = (): SessionStore & { most: number } => {
    const own = {
      append: (...given: Parameters<SessionStore['append']>) => {
        own.most = Math.max(own.most, given[1].length);
        return store.append(...given);
      },
      load: () => Promise.reject(new Error('Nobody holds it as a whole.')),
      async *loadPages(): AsyncGenerator<SessionStoreEntry[]> {
        for (let at = 0; at < ((await store.load(key)) ?? []).length; at += 500) {
          await new Promise((done) => setImmediate(done));
          yield ((await store.load(key)) ?? []).slice(at, at + 500);
        }
      },
      most: 0,
    };
    return own;
  };
  const turnsOfTheLoop = async (work: Promise<unknown>): Promise<number> => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await work.finally(() => (isOver = true));
    return turns;
  };

  test('is never held in memory as a whole, and other work runs in between', async () => {
    await store.append(key, long);
    expect(await turnsOfTheLoop(reconcileTranscript(paged(), place))).toBeGreaterThan(count / 500);
    expect((await fileNow()).length).toBe(lines(long).length);
    // Now the file is read, in chunks of 128 kB.
    const chunks = Math.floor(lines(long).length / (128 * 1024));
    expect(await turnsOfTheLoop(reconcileTranscript(paged(), place))).toBeGreaterThan(count / 500 + chunks);
  });

  test('has its entries that only the file contains stored in parts, and its last costs found', async () => {
    const costs = { type: 'cost-state', totalCostUSD: 2 };
    await putFile([...long.slice(0, 2_000), { type: 'cost-state', totalCostUSD: 1 }, costs]);
    const own = paged();
    expect(await reconcileTranscript(own, place)).toMatchObject({ costState: costs });
    expect(own.most).toBe(500);
    expect(await store.load(key)).toHaveLength(2_002);
    expect(await reconcileTranscript(paged(), place)).toMatchObject({ costState: costs });
    expect(await store.load(key)).toHaveLength(2_002);
  });

  test('is handled the same way if the program moved its files, the mirror lost a lot, or the session leaves', async () => {
    await store.append(key, long.slice(0, 10));
    const moved = join(dirname(dirname(file)), '-worktree', `${sessionId}.jsonl`);
    const own = paged();
    const storeMore = async (count: number, work: () => Promise<unknown>): Promise<void> => {
      await putFile(long.slice(0, count), moved);
      // The folder that was written last is the current one, also on a clock of milliseconds.
      const later = Date.now() / 1_000 + 10;
      await utimes(moved, later, later);
      await work();
      expect([own.most, (await store.load(key))?.length]).toEqual([500, count]);
    };
    await storeMore(1_200, () => reconcileTranscript(own, place));
    expect(await fileNow()).toBe(lines(long.slice(0, 1_200)));
    await storeMore(2_400, () => storeSurplus(own, place));
    await storeMore(3_600, () => leaveDirectory(own, place));
    const names = await readdir(dirname(dirname(file)), { recursive: true });
    expect(names.filter((name) => name.endsWith('.jsonl'))).toEqual([]);
  });

  test('has the point to continue from found in stored entries and in those that only the file contains', async () => {
    const titled = (customTitle: string): SessionStoreEntry => ({ type: 'custom-title', customTitle });
    const relocated = (relocatedCwd: string): SessionStoreEntry => ({ type: 'relocated', relocatedCwd });
    await store.append(key, [user('a'), titled('First'), relocated('/one')]);
    const stored = { costState: undefined, title: 'First', relocatedTo: ['/one'], worktree: null };
    expect(await reconcileTranscript(paged(), place)).toMatchObject(stored);
    await putFile([
      user('a'),
      titled('First'),
      relocated('/one'),
      titled('Second'),
      relocated('/two'),
      { type: 'worktree-state', worktreeSession: { worktreePath: '/two' } },
      relocated('/one'),
    ]);
    const whole = { costState: undefined, title: 'Second', relocatedTo: ['/one', '/two'], worktree: '/two' };
    expect(await reconcileTranscript(paged(), place)).toMatchObject(whole);
  });
});

describe('while a session is open', () => {
  test('missing entries are stored, and no file is touched', async () => {
    await store.append(key, [user('a'), user('only in the store')]);
    const half = `${lines([user('a'), user('b'), mode('x')])}{"type":"us`;
    await putFile(half);
    await putFile([user('s')], join(dirname(file), sessionId, 'subagents', 'agent-1.jsonl'));
    await storeSurplus(store, place);
    await storeSurplus(store, place);
    expect(await store.load(key)).toEqual([user('a'), user('only in the store'), user('b'), mode('x')]);
    expect(await store.load({ ...key, subpath: 'subagents/agent-1' })).toEqual([user('s')]);
    expect(await fileNow()).toBe(half);
  });

  test('without a file there is nothing to store', async () => {
    await storeSurplus(store, place);
    expect(await store.load(key)).toBeNull();
  });
});

test('a directory’s folder: letters and digits stay, and a long one is cut and made unique', () => {
  expect(projectFolder('/home/me/my_project.v2')).toBe('-home-me-my-project-v2');
  const long = `/${'a'.repeat(300)}`;
  expect(projectFolder(`${long}1`)).not.toBe(projectFolder(`${long}2`));
  expect(projectFolder(long).length).toBeLessThan(220);
  expect(projectFolder(`/${'a'.repeat(199)}`)).toHaveLength(200);
});

describe('a session whose directory changes', () => {
  const elsewhere = (name: string): string =>
    join(place.configDir, 'projects', projectFolder(join(root, name)), `${sessionId}.jsonl`);
  const left = async (): Promise<string[]> =>
    (await readdir(join(place.configDir, 'projects'), { recursive: true })).filter((name) => name.endsWith('.jsonl'));

  test('TRANSCRIPT-11: the old files’ surplus is stored, and then the files are removed', async () => {
    await store.append(key, [user('a')]);
    await putFile([user('a'), user('b')]);
    await putFile([user('s')], join(dirname(file), sessionId, 'subagents', 'agent-1.jsonl'));
    await rm(place.cwd, { recursive: true });
    await leaveDirectory(store, place);
    expect(await store.load(key)).toEqual([user('a'), user('b')]);
    expect(await store.load({ ...key, subpath: 'subagents/agent-1' })).toEqual([user('s')]);
    expect(await left()).toEqual([]);
  });

  test('TRANSCRIPT-11: a file that has diverged is kept, and not mistaken for the session', async () => {
    await store.append(key, [user('a'), user('b')]);
    const other = [user('a'), user('by hand')];
    await putFile(other);
    await putFile([user('a')], elsewhere('older'));
    await leaveDirectory(store, place);
    expect(await fileNow()).toBe(lines(other));
    expect(await left()).toHaveLength(1);
    expect(await store.load(key)).toEqual([user('a'), user('b')]);

    const next = { ...place, cwd: join(root, 'next') };
    await mkdir(next.cwd);
    expect(await reconcileTranscript(store, next)).not.toBeNull();
    expect(await fileNow(elsewhere('next'))).toBe(lines([user('a'), user('b')]));
  });

  test('AGENT-26: a session in a worktree of the old directory leaves it, once', async () => {
    const inside = { type: 'worktree-state', worktreeSession: { worktreePath: '/old/worktree' } };
    await store.append(key, [user('a'), inside]);
    await leaveDirectory(store, place);
    await leaveDirectory(store, place);
    const outside = { type: 'worktree-state', worktreeSession: null, sessionId };
    expect(await store.load(key)).toEqual([user('a'), inside, outside]);
  });

  test('TRANSCRIPT-12: files that the program moved into a worktree are reconciled at the next opening', async () => {
    await store.append(key, [user('a')]);
    const whole = [user('a'), user('in the worktree')];
    const moved = elsewhere('worktree');
    await putFile(whole, moved);
    await putFile([user('s')], join(dirname(moved), sessionId, 'subagents', 'agent-1.jsonl'));
    expect(await reconcileTranscript(store, place)).not.toBeNull();
    expect(await store.load(key)).toEqual(whole);
    expect(await store.load({ ...key, subpath: 'subagents/agent-1' })).toEqual([user('s')]);
    expect(await fileNow()).toBe(lines(whole));
  });

  test('TRANSCRIPT-12: what the mirror lost is read from the files that the program writes now', async () => {
    await store.append(key, [user('a')]);
    await putFile([user('a')]);
    await utimes(file, 1, 1);
    await putFile([user('a'), user('b')], elsewhere('worktree'));
    await storeSurplus(store, place);
    expect(await store.load(key)).toEqual([user('a'), user('b')]);
  });

  test('TRANSCRIPT-12: all copies are deleted with the chat, and no other session’s are', async () => {
    await putFile([user('a')]);
    await putFile([user('a')], elsewhere('worktree'));
    await putFile([user('s')], join(dirname(elsewhere('worktree')), sessionId, 'subagents', 'agent-1.jsonl'));
    await putFile([user('x')], join(dirname(file), 'another.jsonl'));
    await removeTranscript(place);
    expect(await left()).toEqual([expect.stringMatching(/another\.jsonl$/)]);
  });
});
