import type { ChatLog } from '../../state/chat-log.ts';

/** The last turn found its directory missing, and the chat has not been moved since. */
export function isDirectoryMissing({ items }: Pick<ChatLog, 'items'>): boolean {
  const last = items.findLast((item) => item.kind === 'turn' || (item.kind === 'notice' && item.code === 'moved'));
  return last?.kind === 'turn' && last.finished.error?.code === 'cwd_invalid';
}

export function MissingDirectory({ onMove }: { onMove: () => void }) {
  return (
    <p className="strip" role="status">
      This chat’s directory cannot be used.{' '}
      <button type="button" onClick={onMove}>
        Move chat …
      </button>
    </p>
  );
}
