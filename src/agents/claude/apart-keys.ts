/**
 * The keys for the model, kept apart from what the program starts. The program reads them from a descriptor when it is told
 * which one; then they stand neither in its environment nor in that of its tools, hooks and MCP servers. Its own setting
 * for that, CLAUDE_CODE_SUBPROCESS_ENV_SCRUB, will not do: it wants bubblewrap, and leaves empty files in the working
 * directory and at home.
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
 * The launch with its keys in pipes, which the program empties. Neither Node nor a pseudo-terminal hands a descriptor on to
 * every kind of child, so a shell does, whose script is made of nothing but numbers; then it becomes the program. Where
 * there is no such shell they stay in the environment.
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
