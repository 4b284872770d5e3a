import type { BackendName } from './chat.ts';

/** Engine descriptions for people. Flags, lists and the API use only the name. */
export const engineLabels: Record<BackendName, string> = {
  claude_sdk: 'Agent SDK',
  claude_pty: 'terminal program',
};

/** An engine in a sentence, with the name used by flags and the API. Engines of newer servers have only the name. */
export function engineText(backend: string): string {
  const label = engineLabels[backend as BackendName] as string | undefined;
  return label === undefined ? backend : `${label} (${backend})`;
}
