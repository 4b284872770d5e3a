import type { PatchChat } from '../protocol/chat.ts';
import type { ChatRow } from '../store/chats.ts';

/** The chat with the patch applied, as the same patch changes its row. */
export function patched(row: ChatRow, patch: PatchChat): ChatRow {
  return {
    ...row,
    title: patch.title ?? row.title,
    model: patch.model === undefined ? row.model : patch.model,
    permissionMode: patch.permissionMode ?? row.permissionMode,
    trusted: patch.trusted ?? row.trusted,
  };
}
