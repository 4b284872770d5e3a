import { createRequire } from 'node:module';

/** What to do when a part is missing that comes with the packages. */
export const reinstall = 'Run `npm install` again, with optional dependencies.';

export function noProgram(): string {
  return `There is no claude program for ${process.platform} ${process.arch}.`;
}

/** The path of the `claude` program that comes with the SDK's package for this platform; null if there is none. */
export function findClaudeProgram(): string | null {
  const resolve = createRequire(createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk'));
  const ending = process.platform === 'win32' ? '.exe' : '';
  for (const libc of ['', '-musl']) {
    const name = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}${libc}/claude${ending}`;
    try {
      return resolve.resolve(name);
    } catch {
      // There is none for this platform.
    }
  }
  return null;
}
