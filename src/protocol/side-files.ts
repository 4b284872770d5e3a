/**
 * Where files are kept that an agent has beside a session's transcripts and needs when the session continues on another
 * host. Of one chat: all sessions that it ever had.
 */

export interface SideFileLimits {
  /** Longer files are left out, in bytes. */
  fileBytes: number;
  /** Stored bytes, compressed, of one chat. The files that changed last are kept. */
  chatBytes: number;
  /** How many files of one chat are known, those included that were left out. */
  files: number;
}

export const sideFileLimits: Readonly<SideFileLimits> = {
  fileBytes: 2 * 1024 * 1024,
  chatBytes: 16 * 1024 * 1024,
  files: 2000,
};

export interface SideFileKey {
  /** A UUID. */
  sessionId: string;
  /** The agent's own, with '/' between its parts. */
  name: string;
}

export interface SideFile extends SideFileKey {
  /** In bytes. */
  size: number;
  /** Milliseconds since it was changed. An age, because the clocks of two hosts may differ. */
  ageMs: number;
}

export interface StoredSideFile extends SideFile {
  /** False if only its name is stored: it was left out. */
  hasContent: boolean;
}

export interface SideFileStore {
  list(): Promise<StoredSideFile[]>;
  /** Null if there is no such file, or if it was left out. */
  read(file: SideFileKey): Promise<Uint8Array | null>;
  /** Replaces what is stored of the file. Without content only its name is stored. Throws for a stale writer. */
  put(file: SideFile, content: Uint8Array | null): Promise<void>;
  /** Throws for a stale writer. */
  remove(files: readonly SideFileKey[]): Promise<void>;
  /** Leaves out what exceeds the chat's limits, the files that have not changed for longest first. */
  trim(): Promise<void>;
}
