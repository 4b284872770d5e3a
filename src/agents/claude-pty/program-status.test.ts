import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../test/support/until.ts';
import { type ProgramStatus, type StatusWatch, watchStatus } from './program-status.ts';

const pid = 4_711;
const sessionId = '11111111-1111-4111-8111-111111111111';
let configDir: string;
let file: string;
let changes: [now: ProgramStatus, before: ProgramStatus][];
let watch: StatusWatch;
beforeEach(() => {
  configDir = join(mkdtempSync(join(tmpdir(), 'boocode-status-')), 'config');
  file = join(configDir, 'sessions', `${pid}.json`);
  changes = [];
  watch = watchStatus(configDir, pid, (now, before) => changes.push([now, before]));
});
afterEach(() => {
  watch.close();
  rmSync(dirname(configDir), { recursive: true, force: true });
});

/** Replaces the file in one step, like a program that writes a new file and renames it. */
function say(status: unknown, of = sessionId, since: unknown = 1): void {
  writeFileSync(`${file}.tmp`, JSON.stringify({ pid, sessionId: of, status, statusUpdatedAt: since }));
  renameSync(`${file}.tmp`, file);
}
const is = (state: string): Promise<true> => until(() => watch.status.state === state, { what: state });
const states = (): string[] => changes.map(([now]) => now.state);

describe('the program’s own status', () => {
  test('is “starting” until its file exists', async () => {
    expect(watch.status).toEqual({ state: 'starting', sessionId: null, since: 0 });
    watch.refresh();
    expect(changes).toEqual([]);
    say('idle');
    await is('idle');
    expect(changes).toEqual([
      [
        { state: 'idle', sessionId, since: 1 },
        { state: 'starting', sessionId: null, since: 0 },
      ],
    ]);
  });

  test('is reported with every change, once each', async () => {
    for (const state of ['idle', 'busy', 'waiting', 'busy', 'idle']) {
      say(state);
      await is(state);
      say(state);
      watch.refresh();
    }
    expect(states()).toEqual(['idle', 'busy', 'waiting', 'busy', 'idle']);
    expect(changes.every(([, before], index) => before === (changes[index - 1]?.[0] ?? before))).toBe(true);
  });

  test('is read immediately on request', () => {
    say('idle');
    watch.refresh();
    expect(watch.status.state).toBe('idle');
    say('busy');
    watch.refresh();
    expect(states()).toEqual(['idle', 'busy']);
  });

  test('is “busy” in an unknown state', () => {
    for (const status of ['shell', 'something-new', undefined, 5]) {
      say(status);
      watch.refresh();
      expect(watch.status.state).toBe('busy');
    }
  });

  test('stays as it was while the file is half written, empty, gone, or not of this kind', () => {
    say('idle');
    watch.refresh();
    const whole = JSON.stringify({ pid, sessionId, status: 'busy' });
    for (const text of [
      '',
      whole.slice(0, 20),
      whole.slice(0, -1),
      'null',
      '[]',
      '{"status":"busy"}',
      '{"status":"busy","sessionId":5}',
    ]) {
      writeFileSync(file, text);
      watch.refresh();
    }
    rmSync(file);
    watch.refresh();
    expect(watch.status).toEqual({ state: 'idle', sessionId, since: 1 });
    expect(states()).toEqual(['idle']);
    writeFileSync(file, whole);
    watch.refresh();
    expect(states()).toEqual(['idle', 'busy']);
  });

  test('PTY-7: reports another session, even in the same state', () => {
    const other = '22222222-2222-4222-8222-222222222222';
    say('idle');
    watch.refresh();
    say('idle', other);
    watch.refresh();
    expect(changes.at(-1)).toEqual([
      { state: 'idle', sessionId: other, since: 1 },
      { state: 'idle', sessionId, since: 1 },
    ]);
  });

  test('shows by its time that a state came and went unnoticed', () => {
    say('idle', sessionId, 1_000);
    watch.refresh();
    say('idle', sessionId, 2_000);
    watch.refresh();
    expect(changes.map(([{ state, since }]) => [state, since])).toEqual([
      ['idle', 1_000],
      ['idle', 2_000],
    ]);
    say('idle', sessionId, 'yesterday');
    watch.refresh();
    expect(watch.status.since).toBe(0);
  });

  test('is not taken from another process’s file', () => {
    writeFileSync(join(dirname(file), `${pid}0.json`), JSON.stringify({ sessionId, status: 'busy' }));
    watch.refresh();
    expect(changes).toEqual([]);
  });
});

test('the directory is created for its user only', () => {
  expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
});

test('a program whose directory cannot be watched is polled', async () => {
  const odd = join(dirname(configDir), 'odd');
  // A file in the way: the directory cannot be created until it is gone.
  writeFileSync(odd, '');
  const blind = watchStatus(odd, pid, (now, before) => changes.push([now, before]));
  try {
    rmSync(odd);
    mkdirSync(join(odd, 'sessions'), { recursive: true });
    writeFileSync(join(odd, 'sessions', `${pid}.json`), JSON.stringify({ sessionId, status: 'idle' }));
    await until(() => blind.status.state === 'idle');
    expect(states()).toEqual(['idle']);
  } finally {
    blind.close();
  }
});

test('nothing is reported once the watch is closed', () => {
  say('idle');
  watch.refresh();
  watch.close();
  watch.close();
  say('busy');
  watch.refresh();
  expect(states()).toEqual(['idle']);
  expect(watch.status.state).toBe('idle');
  expect(existsSync(file)).toBe(true);
});
