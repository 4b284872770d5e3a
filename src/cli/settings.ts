/**
 * The server's settings as its commands' help names them. `src/config.ts` has the same list together with the validator,
 * which takes longer to load than a client command takes to run; a test holds the two together.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';

export interface SettingText {
  flag: string;
  env: string;
  value: string;
  about: string;
  fallback: string | null;
}

export const settings: readonly SettingText[] = [
  { flag: 'host', env: 'BOOCODE_HOST', value: '<name>', about: 'address to listen on', fallback: '127.0.0.1' },
  {
    flag: 'port',
    env: 'BOOCODE_PORT',
    value: '<number>',
    about: 'port to listen on; 0 takes a free one',
    fallback: '4127',
  },
  {
    flag: 'data-dir',
    env: 'BOOCODE_DATA_DIR',
    value: '<path>',
    about: 'where the token and the embedded database live',
    fallback: null,
  },
  {
    flag: 'database-url',
    env: 'DATABASE_URL',
    value: '<url>',
    about: 'your own Postgres, instead of the embedded one',
    fallback: null,
  },
  {
    flag: 'public-origin',
    env: 'BOOCODE_PUBLIC_ORIGIN',
    value: '<origins>',
    about: 'where browsers reach the server from outside, comma separated',
    fallback: null,
  },
  {
    flag: 'idle-seconds',
    env: 'BOOCODE_IDLE_SECONDS',
    value: '<number>',
    about: 'how long an unused agent process is kept warm',
    fallback: '900',
  },
  {
    flag: 'log-level',
    env: 'BOOCODE_LOG_LEVEL',
    value: '<level>',
    about: 'one of debug, info, warn, error, silent',
    fallback: 'info',
  },
  {
    flag: 'agent-env',
    env: 'BOOCODE_AGENT_ENV',
    value: '<names>',
    about: 'further environment variables that agents get, comma separated',
    fallback: null,
  },
  {
    flag: 'token-file',
    env: 'BOOCODE_TOKEN_FILE',
    value: '<path>',
    about: 'a file that holds the token (or set BOOCODE_TOKEN)',
    fallback: null,
  },
];

/** Flags that the client commands know too. */
export const sharedFlags = ['data-dir', 'token-file'] as const;

const environmentOnly = `
The data directory is $XDG_DATA_HOME/boocode or ~/.local/share/boocode; the demo's is boocode-demo beside it.
In the environment only:
  BOOCODE_TOKEN       the token that clients must send, instead of the one kept in the data directory
  CLAUDE_SDK_BACKEND  1 runs Claude through the Agent SDK (default: 0; the demo always does)
`;

/** `--port <number>  port to listen on (BOOCODE_PORT, default: 4127)`. */
export function addSetting(command: Command, { flag, env, value, about, fallback }: SettingText): void {
  command.option(`--${flag} ${value}`, `${about} (${env}${fallback === null ? '' : `, default: ${fallback}`})`);
}

export function addSettings(command: Command): void {
  for (const setting of settings) {
    if (!sharedFlags.some((flag) => flag === setting.flag)) addSetting(command, setting);
  }
  command.addHelpText('after', environmentOnly);
}

/** The settings among a command's options, under the names that flags have. */
export function settingFlags(options: Record<string, unknown>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const { flag } of settings) {
    const value = options[flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === 'string') flags[flag] = value;
  }
  return flags;
}

/** `$XDG_DATA_HOME/boocode`, or `~/.local/share/boocode`; the demo has a directory of its own beside it. */
export function usualDataDir(env: NodeJS.ProcessEnv, name: 'boocode' | 'boocode-demo'): string {
  return join(env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share'), name);
}
