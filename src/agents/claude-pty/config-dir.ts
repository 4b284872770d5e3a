/** The program's own settings, so far that its questions at a first start do not stand between a prompt and its answer. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PermissionMode } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';

/** Where the program keeps what it was told once: beside the config directory, unless that was chosen. */
function settingsFile(env: Readonly<Record<string, string | undefined>>): string {
  const chosen = env['CLAUDE_CONFIG_DIR'];
  return join(chosen ?? env['HOME'] ?? homedir(), '.claude.json');
}

/**
 * With an API key in the environment: approves that key and passes the introduction over. Whoever set the key for the
 * server has answered both. Without one nothing is touched: the program then shows its own login.
 */
export async function prepareConfigDir(
  env: Readonly<Record<string, string | undefined>>,
  permissionMode: PermissionMode,
): Promise<void> {
  const hasToken = Boolean(env['ANTHROPIC_AUTH_TOKEN'] ?? env['CLAUDE_CODE_OAUTH_TOKEN']);
  const key = env['ANTHROPIC_API_KEY'];
  const isBypassing = permissionMode === 'bypassPermissions';
  if (!key && !hasToken && !isBypassing) return;
  const file = settingsFile(env);
  const settings = await readSettings(file);
  const next = {
    ...settings,
    ...(key || hasToken ? { hasCompletedOnboarding: true } : {}),
    // Asked once by the program, and answered by whoever chose the mode.
    ...(isBypassing ? { bypassPermissionsModeAccepted: true } : {}),
  };
  if (key) {
    const responses = asRecord(settings['customApiKeyResponses']);
    const name = key.slice(-20);
    const approved = asList(responses['approved']);
    if (!approved.includes(name)) {
      Object.assign(next, {
        customApiKeyResponses: {
          ...responses,
          approved: [...approved, name],
          rejected: asList(responses['rejected']).filter((each) => each !== name),
        },
      });
    }
  }
  const text = `${JSON.stringify(next, null, 2)}\n`;
  if (text === `${JSON.stringify(settings, null, 2)}\n`) return;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}.tmp`;
  await writeFile(fresh, text, { mode: 0o600 });
  await rename(fresh, file);
}

async function readSettings(file: string): Promise<Record<string, unknown>> {
  try {
    return asRecord(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    // Never written over: it may hold what somebody needs.
    throw new BooError('agent_failed', `The claude program's settings in ${file} cannot be read.`, { cause: error });
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
