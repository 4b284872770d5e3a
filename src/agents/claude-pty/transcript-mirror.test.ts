// Mirroring the transcript to a store that fails, answers late, and recovers.
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InMemorySessionStore, type SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../test/support/until.ts';
import type { Log } from '../../lib/log.ts';
import { silentLog } from '../../lib/log.ts';
import { projectDirectory, projectKey } from '../claude/files/transcript-file.ts';
import { TranscriptMirror } from './transcript-mirror.ts';

const first = '11111111-1111-4111-8111-111111111111';
const second = '22222222-2222-4222-8222-222222222222';
const repairMs = 20;

/** Refuses the next `failures` appends, and all of them while it is down. */
class FailingStore extends InMemorySessionStore {
  failures = 0;
  isDown = false;
  attempts = 0;
  override append(...args: Parameters<InMemorySessionStore['append']>): Promise<void> {
    this.attempts += 1;
    if (this.isDown || this.failures > 0) {
      this.failures = Math.max(0, this.failures - 1);
      return Promise.reject(new Error('The store takes nothing.'));
    }
    return super.append(...args);
  }
}

let root: string;
let directory: string;
let store: FailingStore;
let current: string;
let warnings: number;
let noted: unknown[];
let mirror: TranscriptMirror;
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-mirror-')));
  store = new FailingStore();
  current = first;
  warnings = 0;
  noted = [];
  directory = await projectDirectory({ configDir: root, cwd: root, sessionId: first });
  mirror = openMirror(repairMs);
});
afterEach(async () => {
  await mirror.close();
  rmSync(root, { recursive: true, force: true });
});

function openMirror(repairMs: number): TranscriptMirror {
  const logger: Log = { ...silentLog, warn: () => void (warnings += 1) };
  const place = () => ({ configDir: root, cwd: root, sessionId: current });
  const onStored = (entries: readonly SessionStoreEntry[]) => void noted.push(...entries.map(({ uuid }) => uuid));
  return new TranscriptMirror({ store, logger, chatId: 'chat', place, onStored, repairMs });
}

const line = (uuid: string): SessionStoreEntry => ({ type: 'user', uuid, text: uuid });

/** Like the program and the follower: first to the file, then to the mirror. */
function write(entries: SessionStoreEntry[], sessionId = current, subpath = ''): void {
  const file = subpath === '' ? `${sessionId}.jsonl` : join(sessionId, `${subpath}.jsonl`);
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  mirror.add({ sessionId, subpath, entries });
}
const stored = async (sessionId = current, subpath = ''): Promise<unknown[]> =>
  ((await store.load({ projectKey, sessionId, ...(subpath === '' ? {} : { subpath }) })) ?? []).map(
    (entry) => entry.uuid,
  );
const attempted = (count: number): Promise<true> => until(() => store.attempts >= count);

describe('PTY-3: the transcript', () => {
  test('is stored in order, and sub-agents’ transcripts separately', async () => {
    write([line('a'), line('b')]);
    write([line('x')], current, 'subagents/agent-x');
    write([line('c')]);
    await mirror.close();
    expect(await stored()).toEqual(['a', 'b', 'c']);
    expect(await stored(current, 'subagents/agent-x')).toEqual(['x']);
    expect(mirror.isDirty).toBe(false);
    expect(store.attempts).toBe(3);
  });

  test('is repaired from the files when the store has recovered, in file order', async () => {
    write([line('a')]);
    await until(async () => (await stored()).length === 1);
    store.failures = 1;
    write([line('b')]);
    write([line('c')]);
    write([line('x')], current, 'subagents/agent-x');
    await until(() => mirror.isDirty);
    await until(() => !mirror.isDirty);
    expect(await stored()).toEqual(['a', 'b', 'c']);
    expect(await stored(current, 'subagents/agent-x')).toEqual(['x']);
    expect(warnings).toBe(1);
    write([line('d')]);
    await mirror.close();
    expect(await stored()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('is retried while the store is down, and is dirty until it succeeds', async () => {
    store.isDown = true;
    write([line('a')]);
    await attempted(4);
    expect(mirror.isDirty).toBe(true);
    expect(await stored()).toEqual([]);
    store.isDown = false;
    await until(() => !mirror.isDirty);
    expect(await stored()).toEqual(['a']);
    const { attempts } = store;
    write([line('b')]);
    await until(async () => (await stored()).length === 2);
    expect(store.attempts).toBe(attempts + 1);
  });

  test('PTY-7: is repaired for an earlier session too', async () => {
    store.isDown = true;
    write([line('a')], first);
    await until(() => mirror.isDirty);
    current = second;
    write([line('b')], second);
    await attempted(2);
    store.isDown = false;
    await until(() => !mirror.isDirty);
    expect(await stored(first)).toEqual(['a']);
    expect(await stored(second)).toEqual(['b']);
  });
});

describe('close', () => {
  test('resolves after everything was stored', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const append = store.append.bind(store);
    store.append = async (...args) => {
      await gate;
      await append(...args);
    };
    write([line('a')]);
    let isClosed = false;
    const closing = mirror.close().then(() => (isClosed = true));
    await stored();
    expect(isClosed).toBe(false);
    open();
    await closing;
    expect(await stored()).toEqual(['a']);
  });

  test('repairs immediately, without waiting for the next attempt', async () => {
    await mirror.close();
    mirror = openMirror(3_600_000);
    store.failures = 1;
    write([line('a')]);
    write([line('b')]);
    await mirror.close();
    expect(await stored()).toEqual(['a', 'b']);
    expect(mirror.isDirty).toBe(false);
  });

  test('resolves even if the store fails, after one more attempt: the files contain what it lacks', async () => {
    store.isDown = true;
    write([line('a')]);
    await mirror.close();
    expect(mirror.isDirty).toBe(true);
    expect(warnings).toBe(2);
    const { attempts } = store;
    store.isDown = false;
    // This takes longer than the next attempt would have.
    const other = openMirror(repairMs);
    store.failures = 1;
    other.add({ sessionId: second, subpath: '', entries: [line('z')] });
    await until(() => other.isDirty);
    await until(() => !other.isDirty);
    await other.close();
    expect(store.attempts).toBe(attempts + 1);
    expect(await stored(first)).toEqual([]);
  });
});
