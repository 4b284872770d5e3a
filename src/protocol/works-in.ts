import type { Chat } from './chat.ts';

/** Where the agent works, relative to the chat's directory; null if it works right there. Not yet made visible. */
export function worksIn({ cwd, currentDirectory }: Pick<Chat, 'cwd' | 'currentDirectory'>): string | null {
  if (currentDirectory === cwd) return null;
  const below = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return currentDirectory.startsWith(below) ? currentDirectory.slice(below.length) : currentDirectory;
}
