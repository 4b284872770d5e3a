// What the program notes about files that it edits. The shapes are those of 2.1.332.
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SessionEntry } from '../../agent.ts';
import { fileHistory } from './file-history.ts';

const [one, other] = [randomUUID(), randomUUID()];
const history = fileHistory(() => '/nowhere');
const time = (second: number): string => new Date(second * 1000).toISOString();
const backup = (name: string | null, version: number, second = version, realParentDir = '/w') => ({
  backupFileName: name,
  version,
  backupTime: time(second),
  realParentDir,
});
const snapshot = (uuid: string, tracked: Record<string, unknown>, sessionId = one, more = {}): SessionEntry => ({
  sessionId,
  entry: {
    type: 'file-history-snapshot',
    messageId: uuid,
    snapshot: { messageId: uuid, trackedFileBackups: tracked, timestamp: time(7), ...more },
    isSnapshotUpdate: false,
  },
});
const delta = (path: string, given: unknown, sessionId = one): SessionEntry => ({
  sessionId,
  entry: { type: 'file-history-delta', messageId: randomUUID(), trackingPath: path, backup: given },
});
const key = (name: string, sessionId = one) => ({ sessionId, name: `file-history/${name}` });
const filesOf = (entries: SessionEntry[], uuid = 'm') =>
  Object.fromEntries(
    history.filesBefore(entries, { sessionId: one, uuid })?.files.map(({ path, was }) => [path, was]) ?? [],
  );

describe('REWIND-13: a file is what it was at the message, or else before its first edit', () => {
  test('in any session of the chat', () => {
    const entries = [
      delta('a', backup(null, 1)),
      snapshot('m', { a: backup('a@v2', 2), b: backup(null, 3) }),
      delta('c', backup('c@v1', 1)),
      delta('sub/new', backup(null, 1, 1, '/w/sub')),
      snapshot('n', { a: backup('a@v3', 3), c: backup('c@v2', 2) }),
      delta('c', backup('c@v1', 1), other),
      delta('d', backup('d@v1', 1), other),
    ];
    expect(filesOf(entries)).toEqual({
      a: key('a@v2'),
      b: 'absent',
      c: key('c@v1'),
      'sub/new': 'absent',
      d: key('d@v1', other),
    });
    expect(history.filesBefore(entries, { sessionId: one, uuid: 'm' })?.takenAt).toEqual(new Date(7_000));
    expect(history.filesBefore(entries, { sessionId: other, uuid: 'm' })).toBeNull();
    expect(history.messagesIn(entries)).toEqual([
      { sessionId: one, uuid: 'm' },
      { sessionId: one, uuid: 'n' },
    ]);
  });

  test('as it was noted first, also if the program notes later that a command ran', () => {
    const again = snapshot('m', { a: backup('a@v3', 3) }, one, { hasUntrackedChanges: true });
    expect(filesOf([snapshot('m', { a: backup('a@v2', 2) }), again])).toEqual({ a: key('a@v2') });
    const update: SessionEntry = { ...again, entry: { ...again.entry, isSnapshotUpdate: true } };
    expect(history.messagesIn([update])).toEqual([]);
  });
});

describe('REWIND-14: it is unknown', () => {
  test('if it was noted only after an edit', () => {
    const entries = [snapshot('m', {}), snapshot('n', { a: backup('a@v2', 2), b: backup('b@v1', 1) })];
    expect(filesOf(entries)).toEqual({ a: 'unknown', b: key('b@v1') });
  });

  test('if its backup was written again under the same name, as after a loss', () => {
    const entries = [snapshot('m', { a: backup('a@v2', 2) }), snapshot('n', { a: backup('a@v2', 2, 50) })];
    expect(filesOf(entries)).toEqual({ a: 'unknown' });
    expect(filesOf(entries, 'n')).toEqual({ a: key('a@v2') });
    // In another session it is another file.
    expect(filesOf([entries[0]!, snapshot('n', { a: backup('a@v2', 2, 50) }, other)])).toEqual({ a: key('a@v2') });
  });

  test('if its path is not UTF-8, and is elsewhere if it was reached through a link', () => {
    const tracked = {
      'a\ufffd': backup('a@v2', 2),
      'sub/b': backup('b@v2', 2, 2, '/outside'),
      'sub/c': backup('c@v2', 2, 2, '/w/sub'),
      '/etc/d': backup(null, 2, 2, '/etc'),
    };
    expect(filesOf([snapshot('m', tracked)])).toEqual({
      'a\ufffd': 'unknown',
      '/outside/b': key('b@v2'),
      'sub/c': key('c@v2'),
      '/etc/d': 'absent',
    });
  });

  test('whatever shape the entries have', () => {
    const odd = [null, [], 7, {}, { backupFileName: 7 }, { backupFileName: undefined, version: '1' }];
    const entries = [
      snapshot('m', Object.fromEntries(odd.map((each, at) => [`${at}`, each]))),
      delta(7 as unknown as string, backup('a@v1', 1)),
      { sessionId: one, entry: { type: 'file-history-snapshot', messageId: 'n', snapshot: null } },
    ];
    expect(Object.values(filesOf(entries))).toEqual(odd.map(() => 'unknown'));
    expect(history.filesBefore(entries, { sessionId: one, uuid: 'n' })).toBeNull();
  });
});

describe('REWIND-14: a backup', () => {
  let configDir: string;
  let directory: string;
  beforeEach(() => {
    configDir = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-history-')));
    directory = join(configDir, 'file-history', one);
    mkdirSync(directory, { recursive: true });
  });
  afterEach(() => rmSync(configDir, { recursive: true, force: true }));

  const readBackup = async (name: string, stored: string | null = null) => {
    const there = stored === null ? null : Buffer.from(stored);
    const found = await fileHistory(() => configDir).readBackup(key(name), () => Promise.resolve(there));
    return found && { text: found.content.toString(), mode: found.mode };
  };

  test('is read here, or from the database if it is not', async () => {
    writeFileSync(join(directory, 'a@v1'), 'here');
    chmodSync(join(directory, 'a@v1'), 0o640);
    expect(await readBackup('a@v1')).toEqual({ text: 'here', mode: 0o640 });
    expect(await readBackup('a@v1', 'here')).toEqual({ text: 'here', mode: 0o640 });
    expect(await readBackup('b@v1', 'there')).toEqual({ text: 'there', mode: null });
    expect(await readBackup('b@v1')).toBeNull();
  });

  test('is not used if the two differ, and never read from elsewhere', async () => {
    writeFileSync(join(directory, 'a@v1'), 'altered');
    expect(await readBackup('a@v1', 'original')).toBeNull();
    writeFileSync(join(configDir, 'secret'), 'secret');
    symlinkSync(join(configDir, 'secret'), join(directory, 'b@v1'));
    expect(await readBackup('b@v1')).toBeNull();
    expect(await readBackup('../../secret', 'x')).toBeNull();
    writeFileSync(join(directory, 'large@v1'), '');
    truncateSync(join(directory, 'large@v1'), 50 * 1024 * 1024 + 1);
    expect(await readBackup('large@v1', 'x')).toBeNull();
  });
});
