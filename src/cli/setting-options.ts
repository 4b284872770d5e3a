/** The server's settings as options of a command. */
import { delimiter } from 'node:path';
import type { Command } from 'commander';
import { type Setting, settings } from '../settings.ts';

/** Flags that the client commands share. */
export const sharedFlags = ['data-dir', 'token-file'] as const;

/** Given more than once, they add up: to a list with this between its parts. */
const repeatable: ReadonlyMap<Setting['flag'], string> = new Map([
  ['trusted-proxy', ','],
  ['workspace-root', delimiter],
]);

const environmentOnly = `
The data directory is $XDG_DATA_HOME/boocode or ~/.local/share/boocode; the demo's is boocode-demo beside it.
Environment only:
  BOOCODE_TOKEN       the token that clients must send, instead of the one kept in the data directory
  CLAUDE_SDK_BACKEND  1 runs Claude through the Agent SDK (default: 0; the demo always does)
`;

/** `--port <number>  port to listen on (BOOCODE_PORT, default: 4127)`. */
export function addSetting(command: Command, { flag, env, value, about, fallback }: Setting): void {
  const text = `${about} (${env}${fallback === null ? '' : `, default: ${fallback}`})`;
  const between = repeatable.get(flag);
  if (between === undefined) command.option(`--${flag} ${value}`, text);
  else {
    command.option(`--${flag} ${value}`, text, (given: string, before: string | undefined) =>
      before === undefined ? given : `${before}${between}${given}`,
    );
  }
}

export function addSettings(command: Command): void {
  for (const setting of settings) {
    if (!sharedFlags.some((flag) => flag === setting.flag)) addSetting(command, setting);
  }
  command.addHelpText('after', environmentOnly);
}

/** The settings among a command's options, under their flags' names. */
export function settingFlags(options: Record<string, unknown>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const { flag } of settings) {
    const value = options[flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === 'string') flags[flag] = value;
    // Named without a value.
    if (value === true) flags[flag] = 'on';
  }
  return flags;
}
