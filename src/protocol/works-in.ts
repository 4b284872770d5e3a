import type { Chat } from './chat.ts';

/** Where the agent works, as seen from the chat's directory; null where it works right there. Not made visible yet. */
export function worksIn({ cwd, currentDirectory }: Pick<Chat, 'cwd' | 'currentDirectory'>): string | null {
  if (currentDirectory === cwd) return null;
  const below = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return currentDirectory.startsWith(below) ? currentDirectory.slice(below.length) : currentDirectory;
}
