import type { Sharing } from '../chats/sharing.ts';
import type { Principal } from '../protocol/principal.ts';

/** Somebody who does not see all chats. */
export interface LiveViewer {
  readonly person: string;
  /** Of these, or of all. */
  onlyVisible(chatIds?: readonly string[]): Promise<ReadonlySet<string>>;
  observe: Sharing['observe'];
}

/** Undefined for owners of the server. */
export function viewerOf(sharing: Sharing, principal: Principal): LiveViewer | undefined {
  if (principal.role === 'owner') return undefined;
  return {
    person: principal.id,
    onlyVisible: async (chatIds) => (await sharing.onlyVisible(principal, chatIds)) ?? new Set(),
    observe: (onChanged) => sharing.observe(onChanged),
  };
}
