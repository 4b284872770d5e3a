import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { DirectoryContent } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';
import type { ChatRow } from '../store/chats.ts';
import { findTrust } from '../store/directory-trusts.ts';
import { describeTrust, type DirectoryState, lookAtDirectory, trustDirectory } from './directory-trust.ts';

const local = '.claude/settings.local.json';
type Files = Record<string, string | null>;

let database: TestDatabase;
let path: string;
/** What the directory holds now. */
let files: Files;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  path = `/${randomUUID()}`;
  files = { 'a.md': 'one', 'b.md': 'two' };
});

const agent = {
  readDirectory: (cwd: string): Promise<DirectoryContent> => {
    const found = Object.entries(files).map(([name, text]) => ({ path: name, sha256: `hash of ${text}`, text }));
    return Promise.resolve({ path: cwd, digest: digestOf(files), files: found, isCurrent: () => true });
  },
};
const digestOf = (it: Files): string => JSON.stringify(it);
const trust = (digest?: string) => trustDirectory(database.sql, agent, { id: 'the-chat', cwd: path }, digest);
const look = (keptRules: readonly string[] = [], reader: Partial<typeof agent> = agent): Promise<DirectoryState> =>
  lookAtDirectory(database.sql, reader, path, { keptRules, ask: (statement) => statement() });
const describeIt = (trusted = true, reader: Partial<typeof agent> = agent) =>
  describeTrust(database.sql, reader, { id: 'the-chat', cwd: path, trusted } as ChatRow);
const rules = (allow: unknown[], rest: object = {}): string => JSON.stringify({ permissions: { allow }, ...rest });

describe('TRUST-5: the content of a directory', () => {
  test('is trusted as it was reviewed, and again when a change is taken back', async () => {
    const before = files;
    await trust(digestOf(files));
    expect(await look()).toMatchObject({ trusted: true, content: { digest: digestOf(before) } });
    files = { 'a.md': 'other' };
    await trust(digestOf(files));
    expect((await look()).trusted).toBe(true);
    files = before;
    expect((await look()).trusted).toBe(true);
  });

  test('is not trusted before anybody has reviewed it, or by a digest of other content', async () => {
    const digest = digestOf(files);
    expect(await look()).toMatchObject({
      trusted: false,
      content: { digest },
      reason: {
        message:
          'Nobody has reviewed this: a.md (added), b.md (added). The chat continues without it until someone trusts the current content.',
      },
    });
    await expect(trust('another')).rejects.toMatchObject({
      code: 'trust_refused',
      message: 'The directory has changed since it was reviewed. Review it again: boocode trust the-chat',
      details: { field: 'digest', digest },
    });
    expect((await look()).trusted).toBe(false);
  });

  test('is no longer trusted once it changes, and the reason lists what has changed', async () => {
    files['same.md'] = 'same';
    await trust(digestOf(files));
    files = { 'a.md': 'changed', 'same.md': 'same', 'new.md': 'new' };
    expect(await look()).toMatchObject({
      trusted: false,
      content: { digest: digestOf(files) },
      reason: {
        message:
          'What this directory turns on has changed since it was trusted: a.md (changed), new.md (added), b.md (removed). ' +
          'The chat continues without it until someone trusts the current content.',
        data: {
          digest: digestOf(files),
          files: [
            { path: 'a.md', change: 'changed' },
            { path: 'new.md', change: 'added' },
            { path: 'b.md', change: 'removed' },
          ],
        },
      },
    });
  });

  test.each([
    [20, ''],
    [21, ', and 1 more'],
  ])('lists at most twenty of %i changes', async (count, more) => {
    files = Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.md`, 'text']));
    const { reason } = await look();
    const names = Array.from({ length: 20 }, (_, index) => `${index}.md (added)`).join(', ');
    expect(reason?.message).toContain(`: ${names}${more}. The chat`);
    expect(reason?.data['files']).toHaveLength(20);
  });

  test('is not trusted if it cannot be read, and always trusted for an agent that reads none', async () => {
    const readDirectory = () => Promise.reject(new BooError('cwd_invalid', 'It is too large.'));
    expect(await look([], { readDirectory })).toEqual({
      trusted: false,
      content: undefined,
      reason: { message: 'It is too large.', data: {} },
    });
    expect(await look([], {})).toEqual({ trusted: true, content: undefined });
    await trustDirectory(database.sql, {}, { cwd: path });
    expect(await describeIt(true, {})).toMatchObject({ path, digest: '', files: [], trustedAt: null, holds: false });
  });

  test('is trusted without a review the first time only', async () => {
    const before = digestOf(files);
    await trust();
    expect((await look()).trusted).toBe(true);
    await database.sql`update boocode.directory_trusts set trusted_at = 'epoch' where path = ${path}`;
    await look();
    expect((await describeIt()).trustedAt).toBe(new Date(0).toISOString());
    await trust();
    expect((await describeIt()).trustedAt).not.toBe(new Date(0).toISOString());
    files = { 'a.md': 'changed' };
    await trust();
    expect((await look()).trusted).toBe(false);
    expect(await findTrust(database.sql, { path, digest: digestOf(files) })).toMatchObject({ digest: before });
  });

  test('is described together with what has changed since it was trusted', async () => {
    expect(await describeIt(false)).toEqual({
      chatId: 'the-chat',
      trusted: false,
      holds: false,
      path,
      digest: digestOf(files),
      trustedAt: null,
      files: [
        { path: 'a.md', change: 'added', before: null, after: 'one' },
        { path: 'b.md', change: 'added', before: null, after: 'two' },
      ],
    });
    files['same.md'] = 'same';
    await trust();
    files = { 'a.md': 'changed', 'same.md': 'same' };
    const described = await describeIt();
    expect(described).toMatchObject({ trusted: true, holds: false });
    expect(new Date(described.trustedAt!).toISOString()).toBe(described.trustedAt);
    expect(described.files).toEqual([
      { path: 'a.md', change: 'changed', before: 'one', after: 'changed' },
      { path: 'same.md', change: 'same', before: null, after: 'same' },
      { path: 'b.md', change: 'removed', before: 'two', after: null },
    ]);
    await trust(digestOf(files));
    expect(await describeIt()).toMatchObject({ holds: true, digest: digestOf(files) });
  });
});

describe('TRUST-5: rules in the local settings', () => {
  test.each<[string, string | null, string | null, string[], boolean]>([
    ['are trusted if the agent was told to remember them', rules(['ls']), rules(['ls', 'pwd']), ['pwd'], true],
    ['are trusted in a file that is new because of them', null, rules(['pwd']), ['pwd', 'unused'], true],
    ['are not if nobody told the agent', rules(['ls']), rules(['ls', 'pwd']), ['other'], false],
    ['are not if only some of them were kept', rules(['ls']), rules(['ls', 'pwd', 'rm']), ['pwd'], false],
    ['are not if an old one is gone', rules(['ls', 'rm']), rules(['ls', 'pwd']), ['pwd'], false],
    ['are not if the file is gone', rules(['ls']), null, ['ls'], false],
    ['are not if another setting changes too', rules([]), rules(['ls'], { hooks: {} }), ['ls'], false],
    ['are not if another kind of permission changes too', rules([]), '{"permissions":{"deny":["ls"]}}', ['ls'], false],
    ['are not if the file cannot be parsed', rules(['ls']), '{', ['ls'], false],
    ['are not if the file has no list of them', rules([]), '{"permissions":{"allow":"ls"}}', ['ls'], false],
    ['are not if the trusted file has none', '{"permissions":{"allow":1}}', rules(['ls']), ['ls'], false],
    ['are not if the trusted file cannot be parsed', '{', rules(['ls']), ['ls'], false],
  ])('%s', async (_what, before, after, kept, isTrusted) => {
    const withLocal = (text: string | null): Files =>
      text === null ? { 'a.md': 'one' } : { 'a.md': 'one', [local]: text };
    files = withLocal(before);
    await trust(digestOf(files));
    files = withLocal(after);
    expect((await look(kept)).trusted).toBe(isTrusted);
    // Once found harmless, it stays trusted without them.
    expect((await look()).trusted).toBe(isTrusted);
  });

  test('do not make up for another change, in another file or before any review', async () => {
    files = { [local]: rules(['ls']) };
    expect((await look(['ls'])).trusted).toBe(false);
    await trust();
    files = { [local]: rules(['ls', 'pwd']), 'new.md': 'new' };
    expect((await look(['pwd'])).trusted).toBe(false);
    files = { [local]: rules(['ls']), '.claude/settings.json': rules(['pwd']) };
    expect((await look(['pwd'])).trusted).toBe(false);
  });
});
