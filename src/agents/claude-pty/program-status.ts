/**
 * The program's own status: one file per process in its config directory, rewritten with every change. The file does
 * not exist before the program can take input, while it shows its login or its introduction.
 */
import { type FSWatcher, mkdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';

export interface ProgramStatus {
  /** idle: it waits for input. busy: it works, or its background agents do. waiting: a dialog is open. */
  state: 'starting' | 'idle' | 'busy' | 'waiting';
  /** Its current session, which changes with `/clear` or `/resume`. Null while it starts. */
  sessionId: string | null;
  /** When the state started, by the program's clock: this reveals states that came and went unseen. */
  since: number;
}

export interface StatusWatch {
  readonly status: ProgramStatus;
  /** Checks immediately. */
  refresh(): void;
  close(): void;
}

const pollMs = 200;
const starting: ProgramStatus = { state: 'starting', sessionId: null, since: 0 };

export function watchStatus(
  configDir: string,
  pid: number,
  onChange: (status: ProgramStatus, before: ProgramStatus) => void,
): StatusWatch {
  const directory = join(configDir, 'sessions');
  const file = join(directory, `${pid}.json`);
  let status = starting;
  let isClosed = false;

  function refresh(): void {
    const now = readStatus(file);
    if (isClosed || !now) return;
    if (now.state === status.state && now.sessionId === status.sessionId && now.since === status.since) return;
    const before = status;
    status = now;
    onChange(now, before);
  }

  let watcher: FSWatcher | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    watcher = watch(directory, { persistent: false }, refresh);
    watcher.on('error', () => watcher?.close());
  } catch {
    // Watching is not possible here, or too many files are watched: polling works too.
  }
  const timer = setInterval(refresh, pollMs);
  timer.unref();
  return {
    get status() {
      return status;
    },
    refresh,
    close() {
      isClosed = true;
      clearInterval(timer);
      watcher?.close();
    },
  };
}

/** Undefined if the file does not exist or is incomplete. */
function readStatus(file: string): ProgramStatus | undefined {
  try {
    const said = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const { statusUpdatedAt: since } = said;
    if (typeof said['sessionId'] !== 'string') return undefined;
    // In an unknown state it does not wait for input.
    const state = said['status'] === 'idle' || said['status'] === 'waiting' ? said['status'] : 'busy';
    return { state, sessionId: said['sessionId'], since: typeof since === 'number' ? since : 0 };
  } catch {
    return undefined;
  }
}
