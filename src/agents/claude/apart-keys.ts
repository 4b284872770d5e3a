/**
 * Keeps the model keys away from what the program starts. The program can read them from a file descriptor, and then
 * they appear neither in its environment nor in that of its tools, hooks and MCP servers. The program's own setting for
 * this, CLAUDE_CODE_SUBPROCESS_ENV_SCRUB, is no alternative: it needs bubblewrap, and leaves empty files in the working
 * directory and in the home directory.
 */
import { existsSync } from 'node:fs';

export interface Launch<T extends string | undefined> {
  command: string;
  args: readonly string[];
  env: Record<string, T>;
}

const descriptorNames: Readonly<Record<string, string>> = {
  ANTHROPIC_API_KEY: 'CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR',
  CLAUDE_CODE_OAUTH_TOKEN: 'CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR',
};
const firstDescriptor = 3;
const shell = '/bin/sh';

/**
 * Passes the keys through pipes, which the program reads to the end. Neither Node nor a pseudo-terminal can pass a
 * descriptor to every kind of child, so a shell does: its script contains nothing but names and numbers, and ends by
 * replacing itself with the program. Without such a shell the keys stay in the environment.
 */
export function withKeysApart<T extends string | undefined>({ command, args, env }: Launch<T>): Launch<T | string> {
  const keys = Object.keys(descriptorNames).filter((name) => env[name]);
  if (keys.length === 0 || !existsSync(shell)) return { command, args, env };
  const left: Record<string, T | string> = { ...env };
  let script = '';
  for (const [index, name] of keys.entries()) {
    const descriptor = firstDescriptor + index;
    const handed = `BOOCODE_KEY_${descriptor}`;
    script += `exec ${descriptor}<<END\n$${handed}\nEND\nunset ${handed}\n`;
    left[handed] = env[name] as T;
    left[descriptorNames[name] as string] = String(descriptor);
    delete left[name];
  }
  return { command: shell, args: ['-c', `${script}exec "$@"`, 'sh', command, ...args], env: left };
}
