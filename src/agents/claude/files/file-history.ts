/**
 * What the program keeps of files that it edits with its own tools, and notes in the session's transcript:
 *
 * - `file-history-snapshot`, at each prompt: of every file that it has edited so far, the backup as of then.
 * - `file-history-delta`, before the first edit of a file: the backup as of then.
 *
 * A backup is a whole file, `file-history/<session>/<name>`; without a name there was no file. It has no checksum, and
 * another process on the session may have written it again under the same name.
 */
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { SideFileKey } from '../../../protocol/side-files.ts';
import type { EditedFile, FileHistory, FilesBefore, SessionEntry } from '../../agent.ts';
import { asRecord, asText } from '../mapping/loose-json.ts';
import { findPlainFile, readPlainFile } from './plain-files.ts';
import { sideFilePath } from './side-file-places.ts';

const [snapshotType, deltaType] = ['file-history-snapshot', 'file-history-delta'];
/** Larger files are not rewound either. */
const maxBytes = 50 * 1024 * 1024;

interface Noted {
  trackingPath: string;
  backup: Readonly<Record<string, unknown>>;
  sessionId: string;
  /** It is from before the first edit. */
  isFirst: boolean;
}

/** `configDirOf`: where the files of a session are. */
export function fileHistory(configDirOf: (sessionId: string) => string): FileHistory {
  return {
    types: [snapshotType, deltaType],
    messagesIn: (entries) =>
      entries.flatMap(({ sessionId, entry }) => {
        const uuid = asText(entry['messageId']);
        return isSnapshot(entry) && uuid !== undefined ? [{ sessionId, uuid }] : [];
      }),
    filesBefore,
    async readBackup(key, stored) {
      const configDir = configDirOf(key.sessionId);
      const path = sideFilePath(configDir, configDir, key);
      if (path === null) return null;
      const found = await findPlainFile(configDir, path);
      const here = found ? await readPlainFile(path, maxBytes).catch(() => null) : null;
      if (found && !here) return null;
      const there = await stored(key);
      // One of them was altered.
      if (here && there && !here.equals(there)) return null;
      const content = here ?? there;
      return content ? { content: Buffer.from(content), mode: found ? found.mode & 0o777 : null } : null;
    },
  };
}

const isSnapshot = ({ type, isSnapshotUpdate }: Readonly<Record<string, unknown>>): boolean =>
  type === snapshotType && isSnapshotUpdate !== true;

function filesBefore(
  entries: readonly SessionEntry[],
  message: { sessionId: string; uuid: string },
): FilesBefore | null {
  const at = entries.findIndex(
    ({ sessionId, entry }) =>
      sessionId === message.sessionId && isSnapshot(entry) && entry['messageId'] === message.uuid,
  );
  const base = entries[at];
  const takenAt = new Date(asText(asRecord(base?.entry['snapshot'])['timestamp']) ?? NaN);
  if (!base || Number.isNaN(takenAt.getTime())) return null;
  const found = new Map<string, Noted>();
  for (const noted of notedIn(base)) found.set(noted.trackingPath, { ...noted, isFirst: true });
  for (const later of entries.slice(at + 1)) {
    for (const noted of notedIn(later)) if (!found.has(noted.trackingPath)) found.set(noted.trackingPath, noted);
  }
  const lastWritten = timesOf(entries);
  return { takenAt, files: [...found.values()].map((noted) => editedFile(noted, lastWritten)) };
}

function notedIn({ sessionId, entry }: SessionEntry): Noted[] {
  if (entry.type === deltaType) {
    const trackingPath = asText(entry['trackingPath']);
    if (trackingPath === undefined) return [];
    return [{ trackingPath, backup: asRecord(entry['backup']), sessionId, isFirst: true }];
  }
  const tracked = Object.entries(asRecord(asRecord(entry['snapshot'])['trackedFileBackups']));
  return tracked.map(([trackingPath, given]) => {
    const backup = asRecord(given);
    return { trackingPath, backup, sessionId, isFirst: backup['version'] === 1 };
  });
}

const idOf = ({ sessionId, name }: SideFileKey): string => `${sessionId}/${name}`;

function keyOf({ backup, sessionId }: Noted): SideFileKey | null {
  const name = asText(backup['backupFileName']);
  return name === undefined ? null : { sessionId, name: `file-history/${name}` };
}

/** When each backup was written last. */
function timesOf(entries: readonly SessionEntry[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const noted of entries.flatMap(notedIn)) {
    const key = keyOf(noted);
    if (key) times.set(idOf(key), Math.max(times.get(idOf(key)) ?? 0, timeOf(noted)));
  }
  return times;
}

const timeOf = ({ backup }: Noted): number => Date.parse(asText(backup['backupTime']) ?? '') || 0;

function editedFile(noted: Noted, lastWritten: ReadonlyMap<string, number>): EditedFile {
  const { trackingPath, backup, isFirst } = noted;
  const path = pathOf(trackingPath, asText(backup['realParentDir']));
  // Bytes that are no UTF-8 are lost here.
  if (!isFirst || path.includes('\ufffd')) return { path, was: 'unknown' };
  if (backup['backupFileName'] === null) return { path, was: 'absent' };
  const key = keyOf(noted);
  const isOwn = key !== null && timeOf(noted) === lastWritten.get(idOf(key));
  return { path, was: isOwn ? key : 'unknown' };
}

/** Absolute if the file was reached through a link below the directory. */
function pathOf(trackingPath: string, realParent: string | undefined): string {
  const parent = dirname(trackingPath);
  if (isAbsolute(trackingPath) || parent === '.' || realParent === undefined) return trackingPath;
  return realParent.endsWith(`/${parent}`) ? trackingPath : join(realParent, basename(trackingPath));
}
