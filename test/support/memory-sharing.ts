import type { ChatAccess, Sharing } from '../../src/chats/sharing.ts';

export interface MemorySharing extends Sharing {
  /** What everybody may do with every chat, owners apart. */
  access: ChatAccess | null;
  /** Tells whoever observes. */
  changed(chatId: string): void;
}

/** A test double for tests of HTTP alone: everybody has the same access to everything. */
export function createMemorySharing(): MemorySharing {
  const observers = new Set<(chatId: string) => void>();
  const sharing: MemorySharing = {
    access: 'own',
    changed(chatId) {
      for (const observer of observers) observer(chatId);
    },
    accessOf: () => Promise.resolve(sharing.access),
    isOwn: (_, { id }) => Promise.resolve(id === 'owner'),
    onlyVisible: ({ role }, ids) =>
      Promise.resolve(role === 'owner' ? undefined : new Set(sharing.access === null ? [] : (ids ?? []))),
    read: () =>
      Promise.resolve({ owner: { id: 'owner', name: 'owner' }, visibility: 'private', items: [], yours: 'own' }),
    setVisibility: () => Promise.resolve(),
    share: () => Promise.resolve(),
    unshare: () => Promise.resolve(),
    observe(onChanged) {
      observers.add(onChanged);
      return () => void observers.delete(onChanged);
    },
  };
  return sharing;
}
