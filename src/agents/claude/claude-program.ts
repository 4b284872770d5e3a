import { createRequire } from 'node:module';

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
