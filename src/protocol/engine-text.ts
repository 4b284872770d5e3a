import type { BackendName } from './chat.ts';

/** What an engine is, for people. Flags, lists and the API have its name alone. */
export const engineLabels: Record<BackendName, string> = {
  claude_sdk: 'Agent SDK',
  claude_pty: 'terminal program',
};

/** An engine in a sentence, with the name that flags and the API know it by. Engines of later servers have only that. */
export function engineText(backend: string): string {
  const label = engineLabels[backend as BackendName] as string | undefined;
  return label === undefined ? backend : `${label} (${backend})`;
}
