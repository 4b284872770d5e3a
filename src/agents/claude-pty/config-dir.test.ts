import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BooError } from '../../protocol/error.ts';
import { prepareConfigDir } from './config-dir.ts';

const key = 'sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyz';
const name = 'ghijklmnopqrstuvwxyz';
let root: string;
let configDir: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'boocode-config-'));
  configDir = join(root, 'home', '.claude');
  file = join(configDir, '.claude.json');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const env = (more: Record<string, string> = {}): Record<string, string> => ({
  HOME: join(root, 'home'),
  CLAUDE_CONFIG_DIR: configDir,
  ANTHROPIC_API_KEY: key,
  ...more,
});
const withoutKey = (more: Record<string, string> = {}): Record<string, string> => ({
  HOME: join(root, 'home'),
  CLAUDE_CONFIG_DIR: configDir,
  ...more,
});
const written = (path = file): unknown => JSON.parse(readFileSync(path, 'utf8'));
const all = (): string[] => readdirSync(root, { recursive: true, encoding: 'utf8' });

function write(settings: unknown): void {
  mkdirSync(configDir, { recursive: true });
  writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings));
}

/** Sets the file's time to long ago, so that any write shows. */
function touchLongAgo(): void {
  utimesSync(file, 1_000, 1_000);
}
const isUntouched = (): boolean => statSync(file).mtimeMs === 1_000_000;

const ready = { hasCompletedOnboarding: true, customApiKeyResponses: { approved: [name], rejected: [] } };

describe('with an API key', () => {
  test('a fresh directory gets a file that skips the introduction and contains the key’s end, readable by its user only', async () => {
    await prepareConfigDir(env(), 'default');
    expect(written()).toEqual(ready);
    expect(readFileSync(file, 'utf8')).not.toContain(key);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(configDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(configDir)).toEqual(['.claude.json']);
  });

  test('without a configured directory the file is in the home directory', async () => {
    const { CLAUDE_CONFIG_DIR: _, ...rest } = env();
    await prepareConfigDir(rest, 'default');
    expect(written(join(root, 'home', '.claude.json'))).toEqual(ready);
    expect(readdirSync(join(root, 'home'))).toEqual(['.claude.json']);
  });

  test('existing content stays: other settings, other approvals', async () => {
    write({ numStartups: 7, projects: { '/a': { x: 1 } }, customApiKeyResponses: { approved: ['other'], more: 1 } });
    await prepareConfigDir(env(), 'default');
    expect(written()).toEqual({
      numStartups: 7,
      projects: { '/a': { x: 1 } },
      hasCompletedOnboarding: true,
      customApiKeyResponses: { approved: ['other', name], rejected: [], more: 1 },
    });
  });

  test.each([
    ['rejected once', { approved: [], rejected: ['other', name] }, { approved: [name], rejected: ['other'] }],
    ['approved and rejected', { approved: [name], rejected: [name] }, { approved: [name], rejected: [] }],
    ['of another shape', { approved: 'all', rejected: 5 }, { approved: [name], rejected: [] }],
  ])('a key that was %s is approved', async (_, before, after) => {
    write({ customApiKeyResponses: before });
    await prepareConfigDir(env(), 'default');
    expect(written()).toEqual({ customApiKeyResponses: after, hasCompletedOnboarding: true });
  });

  test.each([
    ['with a list of rejected keys', { ...ready, a: 1 }],
    ['without one', { hasCompletedOnboarding: true, customApiKeyResponses: { approved: ['other', name] } }],
  ])('a complete file is not touched: %s', async (_, settings) => {
    write(settings);
    touchLongAgo();
    await prepareConfigDir(env(), 'default');
    expect(isUntouched()).toBe(true);
    write({});
    touchLongAgo();
    await prepareConfigDir(env(), 'default');
    expect(isUntouched()).toBe(false);
  });

  test('sessions that open at the same time do not lose each other’s changes', async () => {
    const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);
    await Promise.all([
      ...keys.map((each) => prepareConfigDir(env({ ANTHROPIC_API_KEY: each }), 'default')),
      prepareConfigDir(env(), 'bypassPermissions'),
    ]);
    expect(written()).toMatchObject({
      bypassPermissionsModeAccepted: true,
      customApiKeyResponses: { approved: [...keys, name] },
    });
    expect(readdirSync(configDir)).toEqual(['.claude.json']);
  });

  test('a link stays a link, and its target is written', async () => {
    const target = join(root, 'settings', 'claude.json');
    mkdirSync(dirname(target));
    mkdirSync(configDir, { recursive: true });
    writeFileSync(target, '{"a":1}');
    symlinkSync(target, file);
    await prepareConfigDir(env(), 'default');
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(written(target)).toEqual({ a: 1, ...ready });
  });

  test.each([
    ['half written', '{"numStartups": 7, "proj'],
    ['empty', ''],
    ['a list', '[1]'],
    ['nothing', 'null'],
  ])('a file that is %s causes one clear error, and stays unchanged', async (_, text) => {
    write(text);
    const error = (await prepareConfigDir(env(), 'default').catch((cause: unknown) => cause)) as BooError;
    expect(error).toMatchObject({ code: 'agent_failed', message: expect.stringContaining(file) as unknown });
    expect(error.cause).toBeInstanceOf(Error);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(configDir)).toEqual(['.claude.json']);
    // The next attempt is independent.
    rmSync(file);
    await prepareConfigDir(env(), 'default');
    expect(written()).toEqual(ready);
  });
});

describe('without an API key', () => {
  test('nothing is read or written: the program shows its own login', async () => {
    await prepareConfigDir(withoutKey(), 'default');
    await prepareConfigDir(withoutKey({ ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: '' }), 'plan');
    expect(all()).toEqual([]);
    write('no JSON');
    await prepareConfigDir(withoutKey(), 'default');
    expect(readFileSync(file, 'utf8')).toBe('no JSON');
  });

  test.each([
    { ANTHROPIC_AUTH_TOKEN: 'token' },
    { CLAUDE_CODE_OAUTH_TOKEN: 'token' },
    { ANTHROPIC_AUTH_TOKEN: '', CLAUDE_CODE_OAUTH_TOKEN: 'token' },
  ])('a token needs no approval, only the introduction is skipped: %j', async (token) => {
    await prepareConfigDir(withoutKey(token), 'default');
    expect(written()).toEqual({ hasCompletedOnboarding: true });
  });

  test('a person who chose to bypass permissions is not asked again', async () => {
    write({ a: 1 });
    await prepareConfigDir(withoutKey(), 'bypassPermissions');
    expect(written()).toEqual({ a: 1, bypassPermissionsModeAccepted: true });
  });
});
