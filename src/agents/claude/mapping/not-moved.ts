import type { StoredSideFile } from '../../../protocol/side-files.ts';
import type { AgentEventOf } from '../../agent-backend.ts';

const shownFiles = 5;

/** Names files of the agent that another host had and this one has not. */
export function notMoved(files: readonly StoredSideFile[]): AgentEventOf<'notice'> {
  const shown = files.slice(0, shownFiles).map(({ name, size }) => `${shownName(name)} (${sizeOf(size)})`);
  const rest = files.length - shown.length;
  const list = rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
  const what = files.length === 1 ? '1 file of the agent was' : `${files.length} files of the agent were`;
  return {
    type: 'notice',
    level: 'warning',
    code: 'files_not_moved',
    message: `${what} not moved to this host: ${list}.`,
    data: { files: files.map(({ name, size }) => ({ name: shownName(name), size })) },
  };
}

const shownName = (name: string): string => name.replace(/^session\//, '');

function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
