/**
 * Prepares the program's own settings so that its questions at a first start do not come between a prompt and its
 * answer.
 */
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PermissionMode } from '../../protocol/chat.ts';
import { createSerial } from '../../lib/serial.ts';
import { BooError } from '../../protocol/error.ts';

/** Where the program stores its state: next to the config directory, unless that was configured. */
function settingsFile(env: Readonly<Record<string, string | undefined>>): string {
  const chosen = env['CLAUDE_CONFIG_DIR'];
  return join(chosen ?? env['HOME'] ?? homedir(), '.claude.json');
}

// Sessions that open at the same time read and write the same file.
const oneByOne = createSerial();

/**
 * With an API key in the environment: approves that key and skips the introduction. Whoever set the key for the server
 * has answered both. Without a key nothing is changed: the program then shows its own login.
 */
export function prepareConfigDir(
  env: Readonly<Record<string, string | undefined>>,
  permissionMode: PermissionMode,
): Promise<void> {
  return oneByOne(() => prepare(env, permissionMode));
}

async function prepare(
  env: Readonly<Record<string, string | undefined>>,
  permissionMode: PermissionMode,
): Promise<void> {
  const hasToken = Boolean(env['ANTHROPIC_AUTH_TOKEN']) || Boolean(env['CLAUDE_CODE_OAUTH_TOKEN']);
  const key = env['ANTHROPIC_API_KEY'];
  const isBypassing = permissionMode === 'bypassPermissions';
  if (!key && !hasToken && !isBypassing) return;
  const file = settingsFile(env);
  const settings = await readSettings(file);
  const next = {
    ...settings,
    ...(key || hasToken ? { hasCompletedOnboarding: true } : {}),
    ...(key ? approvalOf(key.slice(-20), settings) : {}),
    // The program asks this once; a person who chose the mode has answered it.
    ...(isBypassing ? { bypassPermissionsModeAccepted: true } : {}),
  };
  const text = JSON.stringify(next, null, 2);
  if (text !== JSON.stringify(settings, null, 2)) await writeSettings(file, `${text}\n`);
}

/** The program identifies a key by its last characters. */
function approvalOf(name: string, settings: Record<string, unknown>): object {
  const responses = asRecord(settings['customApiKeyResponses']);
  const approved = asList(responses['approved']);
  const rejected = asList(responses['rejected']);
  if (approved.includes(name) && !rejected.includes(name)) return {};
  return {
    customApiKeyResponses: {
      ...responses,
      approved: approved.includes(name) ? approved : [...approved, name],
      rejected: rejected.filter((each) => each !== name),
    },
  };
}

async function readSettings(file: string): Promise<Record<string, unknown>> {
  try {
    const settings: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (!isRecord(settings)) throw new TypeError('The settings are not an object.');
    return settings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    // Never overwritten: it may contain something that someone needs.
    throw new BooError('agent_failed', `The claude program's settings in ${file} cannot be read.`, { cause: error });
  }
}

async function writeSettings(file: string, text: string): Promise<void> {
  // If it is a link, for example into a dotfiles repository, its target is written.
  const target = await realpath(file).catch(() => file);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const fresh = `${target}.${process.pid}.tmp`;
  try {
    await writeFile(fresh, text, { mode: 0o600 });
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
