import { readdirSync, readlinkSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, open, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { projectFolder } from '../claude/files/transcript-file.ts';
import { randomOf } from '../../../test/support/random.ts';
import { until } from '../../../test/support/until.ts';
import {
  type FollowedLines,
  type FollowOptions,
  followTranscript,
  type TranscriptFollower,
  type TranscriptProblem,
} from './transcript-follower.ts';

const sessionId = '11111111-1111-4111-8111-111111111111';
let root: string;
let directory: string;
let file: string;
let seen: FollowedLines[];
let problems: TranscriptProblem[];
let followers: TranscriptFollower[];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-follower-')));
  directory = root;
  file = join(directory, `${sessionId}.jsonl`);
  seen = [];
  problems = [];
  followers = [];
});
afterEach(async () => {
  for (const follower of followers) await follower.close();
  await rm(root, { recursive: true, force: true });
});

function follow(options: Partial<FollowOptions> = {}): TranscriptFollower {
  const follower = followTranscript({
    directory,
    sessionId,
    from: 'start',
    onLines: (lines) => seen.push(lines),
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  followers.push(follower);
  return follower;
}

const user = (uuid: string, text = uuid): SessionStoreEntry => ({ type: 'user', uuid, text });
const mode = (text: string): SessionStoreEntry => ({ type: 'mode', text });
const line = (entry: unknown): string => `${JSON.stringify(entry)}\n`;
const lines = (...entries: unknown[]): string => entries.map(line).join('');
const delivered = (subpath = '', of = sessionId): SessionStoreEntry[] =>
  seen.filter((each) => each.subpath === subpath && each.sessionId === of).flatMap((each) => each.entries);
const codes = (): string[] => problems.map((problem) => problem.code);

async function write(path: string, text: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, text);
}

/** This process's open files below the test's directory, and its watches. */
function openThings(): string[] {
  const fds = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  const watchers = process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap');
  return [...fds.filter((path) => path.startsWith(directory)), ...watchers];
}

describe('TRANSCRIPT-1: what the program writes is delivered once, in file order', () => {
  test('existing lines, and new ones', async () => {
    await write(file, lines(user('a'), mode('x')));
    const follower = follow();
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), mode('x')]);
    await write(file, lines(mode('x'), user('b')));
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), mode('x'), mode('x'), user('b')]);
    expect(problems).toEqual([]);
  });

  test.each([true, false])('a change is noticed by itself, watching: %s', async (canWatch) => {
    await write(file, '');
    const follower = follow({ canWatch });
    await follower.catchUp();
    await write(file, lines(user('a')));
    await until(() => seen.length > 0, { what: 'the line' });
    expect(delivered()).toEqual([user('a')]);
  });

  test('a folder that is created later is found', async () => {
    directory = join(directory, 'not', 'yet');
    file = join(directory, `${sessionId}.jsonl`);
    const follower = follow();
    await follower.catchUp();
    await write(file, lines(user('a')));
    await until(() => seen.length > 0, { what: 'the line' });
    expect(delivered()).toEqual([user('a')]);
  });

  test('from the end, only later lines are delivered, also for an existing sub-agent', async () => {
    const sub = join(directory, sessionId, 'subagents', 'agent-x.jsonl');
    await write(file, lines(user('a'), mode('x')));
    await write(sub, lines(user('s')));
    const follower = follow({ from: 'end' });
    await write(file, lines(mode('x'), user('b')));
    await write(sub, lines(user('t')));
    await write(join(directory, sessionId, 'subagents', 'agent-y.jsonl'), lines(user('u')));
    await follower.catchUp();
    expect(delivered()).toEqual([mode('x'), user('b')]);
    expect(delivered('subagents/agent-x')).toEqual([user('t')]);
    expect(delivered('subagents/agent-y')).toEqual([user('u')]);
    // Known lines are not new just because the file is another one.
    await writeFile(`${file}.new`, lines(user('a'), mode('x'), mode('x'), user('b'), user('c')));
    await rename(`${file}.new`, file);
    await follower.catchUp();
    expect(delivered()).toEqual([mode('x'), user('b'), user('c')]);
  });

  test('an incomplete line waits for its rest, wherever it is split', async () => {
    const follower = follow();
    const bytes = Buffer.from(lines(user('a', 'NUL \u0000, half \ud800, 漢字 🦊 e\u0301'), user('b')));
    for (const byte of bytes) {
      await write(file, Buffer.of(byte));
      await follower.catchUp();
    }
    expect(delivered()).toEqual([user('a', 'NUL \u0000, half \ud800, 漢字 🦊 e\u0301'), user('b')]);
    expect(problems).toEqual([]);
  });

  test('a line that never ends is not delivered, but reported at the close', async () => {
    const follower = follow();
    await write(file, lines(user('a')) + JSON.stringify(user('b')));
    await follower.close();
    await follower.close();
    expect(delivered()).toEqual([user('a')]);
    expect(problems).toEqual([
      { code: 'line_unreadable', path: file, message: expect.stringMatching(/line 2 at byte 38/) },
    ]);
  });

  test('a line of 50 MB arrives complete', async () => {
    const follower = follow();
    const text = '漢0123456789'.repeat(50 * 80_000);
    await write(file, lines(user('a', text), user('b')));
    await follower.catchUp();
    expect(delivered().map((entry) => entry.uuid)).toEqual(['a', 'b']);
    expect(delivered()[0]?.['text'] === text).toBe(true);
  });

  test('several megabytes at once do not block the event loop', async () => {
    const entries = Array.from({ length: 20_000 }, (_, index) => user(`u${index}`, 'x'.repeat(500)));
    await write(file, lines(...entries));
    let longestMs = 0;
    let isRunning = true;
    const watched = (async () => {
      while (isRunning) {
        // CPU time, since a busy machine delays everything.
        const before = process.cpuUsage();
        await turn();
        const { user, system } = process.cpuUsage(before);
        longestMs = Math.max(longestMs, (user + system) / 1000);
      }
    })();
    await follow().catchUp();
    isRunning = false;
    await watched;
    expect(delivered()).toHaveLength(20_000);
    expect(longestMs).toBeLessThan(250);
  });

  test('a line that is not an entry is reported once with its position and skipped; unknown types are kept', async () => {
    const follower = follow();
    await write(
      file,
      `${line(user('a'))}{"type":\n42\n{}\n[]\nnull\n\n  \n${lines({ type: 'api-request-log' }, { type: 'new', x: 1 })}`,
    );
    await follower.catchUp();
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), { type: 'new', x: 1 }]);
    expect(codes()).toEqual(Array<string>(5).fill('line_unreadable'));
    expect(problems[0]?.message).toBe('line 2 at byte 38 is not JSON; it is skipped.');
  });

  test('an unreadable file is reported once, and read when it becomes readable', async () => {
    await mkdir(file);
    const follower = follow();
    await follower.catchUp();
    await follower.catchUp();
    expect(codes()).toEqual(['read_failed']);
    await rm(file, { recursive: true });
    await write(file, lines(user('a')));
    await follower.catchUp();
    expect(delivered()).toEqual([user('a')]);
  });
});

describe('TRANSCRIPT-2: a replaced or shortened file is read again, and nothing is delivered twice', () => {
  test('another file takes its place: the rest of the old one, then what is new in the new one', async () => {
    const follower = follow();
    await write(file, lines(user('a'), mode('x'), mode('x')));
    await follower.catchUp();
    await write(file, lines(user('b')) + '{"type":"half');
    await writeFile(`${file}.new`, lines(user('b'), mode('x'), user('c'), mode('x'), mode('x')));
    await rename(`${file}.new`, file);
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), mode('x'), mode('x'), user('b'), user('c'), mode('x')]);
    expect(codes()).toEqual(['file_replaced']);
  });

  test('its end is cut off and rewritten, as when the program withdraws a message', async () => {
    const follower = follow();
    await write(file, lines(user('a'), user('b'), user('c')));
    await follower.catchUp();
    await truncate(file, line(user('a')).length);
    await write(file, lines(user('c')));
    await follower.catchUp();
    await write(file, lines(user('d')));
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), user('b'), user('c'), user('d')]);
    expect(codes()).toEqual(['file_replaced']);
  });

  test('it shrinks and grows again between two reads', async () => {
    const follower = follow();
    await write(file, lines(user('a'), user('b')));
    await follower.catchUp();
    await truncate(file, 0);
    await write(file, lines(user('c', 'x'.repeat(100)), user('d')));
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), user('b'), user('c', 'x'.repeat(100)), user('d')]);
  });

  test('it is rewritten with the same number of bytes', async () => {
    const follower = follow();
    await write(file, lines(user('a')));
    await follower.catchUp();
    const handle = await open(file, 'r+');
    await handle.write(line(user('b')), 0);
    await handle.utimes(1, 1);
    await handle.close();
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), user('b')]);
  });

  test('it is removed and comes back', async () => {
    const follower = follow();
    await write(file, lines(user('a')));
    await follower.catchUp();
    await rm(file);
    await follower.catchUp();
    await write(file, lines(user('a'), user('b')));
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), user('b')]);
  });
});

describe('TRANSCRIPT-3: a follower follows one session and its sub-agents', () => {
  test('files of sub-agents appear later, and others are not read', async () => {
    const follower = follow();
    await write(file, lines(user('a')));
    await follower.catchUp();
    await write(join(directory, sessionId, 'subagents', 'agent-x.jsonl'), lines(user('a')));
    await write(join(directory, sessionId, 'subagents', 'deep', 'agent-y.jsonl'), lines(user('b')));
    await write(join(directory, sessionId, 'subagents', 'agent-x.meta.json'), '{}');
    await write(join(directory, sessionId, 'tool-results', 'z.jsonl'), lines(user('c')));
    await write(join(directory, 'another.jsonl'), lines(user('d')));
    await until(() => seen.length === 3, { what: 'both sub-agents' });
    await follower.catchUp();
    expect(seen.map(({ subpath }) => subpath)).toEqual(['', 'subagents/agent-x', 'subagents/deep/agent-y']);
    expect(delivered('subagents/agent-x')).toEqual([user('a')]);
    await write(join(directory, sessionId, 'subagents', 'agent-x.jsonl'), lines(user('e')));
    await until(() => seen.length === 4, { what: 'the next line of a sub-agent' });
    expect(problems).toEqual([]);
  });

  test('TRANSCRIPT-12: the program moves the files to another folder: they are followed, and new ones are found there', async () => {
    directory = join(root, 'own');
    file = join(directory, `${sessionId}.jsonl`);
    const follower = follow();
    const early = join(directory, sessionId, 'subagents', 'agent-early.jsonl');
    await write(file, lines(user('a')));
    await write(early, lines(user('e1')));
    await follower.catchUp();
    const folder = join(dirname(directory), projectFolder('/repo/.claude/worktrees/alpha'));
    await mkdir(folder);
    await rename(file, join(folder, `${sessionId}.jsonl`));
    await rename(join(directory, sessionId), join(folder, sessionId));
    const relocated = { type: 'relocated', sessionId, relocatedCwd: '/repo/.claude/worktrees/alpha' };
    await appendFile(join(folder, `${sessionId}.jsonl`), lines(relocated, user('b')));
    await follower.catchUp();
    expect(delivered()).toEqual([user('a'), relocated, user('b')]);
    await appendFile(join(folder, sessionId, 'subagents', 'agent-early.jsonl'), lines(user('e2')));
    await write(join(folder, sessionId, 'subagents', 'agent-late.jsonl'), lines(user('l')));
    await until(() => delivered('subagents/agent-late').length > 0, { what: 'the sub-agent in the other folder' });
    await follower.catchUp();
    expect(delivered('subagents/agent-early')).toEqual([user('e1'), user('e2')]);
    expect(follower.directories).toEqual([directory, folder]);
    // And back again, after which another session starts.
    await rename(join(folder, `${sessionId}.jsonl`), file);
    await appendFile(file, lines(user('c')));
    await follower.catchUp();
    expect(delivered().at(-1)).toEqual(user('c'));
    const other = '22222222-2222-4222-8222-222222222222';
    await follower.switchTo(other);
    await write(join(folder, `${other}.jsonl`), lines(user('d')));
    await until(() => delivered('', other).length === 1, { what: 'the line of the new session' });
    expect(problems).toEqual([]);
  });

  test('another session starts: the old one is delivered first', async () => {
    const other = '22222222-2222-4222-8222-222222222222';
    const follower = follow();
    await write(file, lines(user('a')));
    await write(join(directory, `${other}.jsonl`), lines(user('b')));
    const switched = follower.switchTo(other).then(() => seen.map((each) => each.sessionId));
    expect(await switched).toEqual([sessionId]);
    await follower.catchUp();
    await write(file, lines(user('c')));
    await write(join(directory, `${other}.jsonl`), lines(user('d')));
    await until(() => delivered('', other).length === 2, { what: 'the line of the new session' });
    expect(delivered()).toEqual([user('a')]);
    expect(delivered('', other)).toEqual([user('b'), user('d')]);
  });

  test('the last lines are delivered at the close, and nothing stays open', async () => {
    const follower = follow();
    await write(join(directory, sessionId, 'subagents', 'agent-x.jsonl'), lines(user('s')));
    await write(file, lines(user('a')));
    await follower.catchUp();
    expect(openThings()).not.toEqual([]);
    await write(file, lines(user('b')));
    await Promise.all([follower.close(), follower.close()]);
    expect(delivered()).toEqual([user('a'), user('b')]);
    expect(openThings()).toEqual([]);
    await write(file, lines(user('c')));
    await follower.catchUp();
    await follower.switchTo('22222222-2222-4222-8222-222222222222');
    expect(openThings()).toEqual([]);
    expect(delivered()).toEqual([user('a'), user('b')]);
  });
});

describe('TRANSCRIPT-2: whatever the writer does, every entry is delivered once and in order', () => {
  test.each(Array.from({ length: 30 }, (_, index) => index + 1))('seed %i', async (seed) => {
    const random = randomOf(seed);
    const pick = (below: number): number => Math.floor(random() * below);
    const follower = follow({ canWatch: seed % 3 !== 0 });
    const written: SessionStoreEntry[] = [];
    /** The entries that are in the file now: what the writer would write into a new one. */
    let current: SessionStoreEntry[] = [];
    const make = (): SessionStoreEntry => {
      const text = ['', 'x'.repeat(pick(3000)), '漢字🦊\u0000\ud800'.repeat(pick(40)), '\n"\\'.repeat(pick(9))][
        pick(4)
      ];
      const id = `${seed}-${written.length}`;
      const entry: SessionStoreEntry = pick(4) === 0 ? { type: 'mode', id, text } : { type: 'user', uuid: id, text };
      written.push(entry);
      return entry;
    };
    for (let step = 0; step < 60; step += 1) {
      const action = seed % 2 === 0 ? pick(12) : 11;
      if (action === 0) {
        // Another file, with some of the old lines and a new one.
        current = [...current.filter(() => pick(3) > 0), make()];
        await writeFile(`${file}.new`, lines(...current));
        await rename(`${file}.new`, file);
      } else if (action === 1) {
        // Its end is cut off, some of it is written again, in order.
        const kept = current.slice(0, pick(current.length + 1));
        await truncate(file, Buffer.byteLength(lines(...kept))).catch(() => undefined);
        const again = current.slice(kept.length).filter(() => pick(2) > 0);
        current = [...kept, ...again];
        await write(file, lines(...again));
      } else {
        const fresh = Array.from({ length: pick(5) }, make);
        current.push(...fresh);
        const bytes = Buffer.from(lines(...fresh));
        for (let at = 0; at < bytes.length;) {
          const end = Math.min(bytes.length, at + 1 + pick(800));
          await write(file, bytes.subarray(at, end));
          at = end;
          if (pick(4) === 0) await turn();
        }
      }
      // Lines that are cut off before the follower reads them cannot be delivered.
      if (seed % 2 === 0 || pick(10) === 0) await follower.catchUp();
    }
    await follower.catchUp();
    expect(delivered()).toEqual(written);
    expect(codes().filter((code) => code !== 'file_replaced')).toEqual([]);
  });
});
