/** The transcript of a terminal session: first reconciled with the store, then followed and mirrored into it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { callIdsIn } from '../claude/files/open-calls.ts';
import {
  projectDirectory,
  type ReconciledTranscript,
  reconcileTranscript,
  type TranscriptPlace,
} from '../claude/files/transcript-file.ts';
import { Spool } from '../spool.ts';
import { type FollowedLines, followTranscript, type TranscriptFollower } from './transcript-follower.ts';
import { TranscriptMirror } from './transcript-mirror.ts';

export interface SessionTranscriptParts {
  spec: Pick<AgentSessionSpec, 'chatId' | 'sessionId' | 'cwd' | 'sessionStore' | 'isStoring'>;
  configDir: string;
  logger: Log;
  limits: { repairMs: number; spoolBytes: number };
  /** Whether the chat has taken every event of the turn. */
  readonly isTaken: () => boolean;
  /** Tool calls of the agent itself, once they are stored. */
  onStoredCall(toolCallId: string): void;
  readonly onProblem: (error: unknown, message: string) => void;
}

export class SessionTranscript {
  readonly #parts: SessionTranscriptParts;
  readonly #mirror: TranscriptMirror;
  readonly #spool: Spool;
  #follower: TranscriptFollower | undefined;
  #sessionId: string;
  #isKnown = false;

  constructor(parts: SessionTranscriptParts) {
    this.#parts = parts;
    this.#sessionId = parts.spec.sessionId;
    this.#mirror = new TranscriptMirror({
      store: parts.spec.sessionStore,
      logger: parts.logger,
      chatId: parts.spec.chatId,
      place: () => this.place,
      onStored: (entries) => {
        for (const id of entries.flatMap(callIdsIn)) parts.onStoredCall(id);
      },
      repairMs: parts.limits.repairMs,
    });
    const { spec, limits, logger, isTaken } = parts;
    this.#spool = new Spool({
      chatId: spec.chatId,
      logger,
      limitBytes: limits.spoolBytes,
      isStored: () => isTaken() && this.#mirror.isIdle && spec.isStoring?.() !== true,
    });
  }

  /** The session that the program is in: its own choice after `/clear` or `/resume`. */
  get sessionId(): string {
    return this.#sessionId;
  }

  /** There is something to resume. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** The store lacks a part of what the files hold. */
  get isDirty(): boolean {
    return this.#mirror.isDirty;
  }

  get place(): TranscriptPlace {
    return { configDir: this.#parts.configDir, cwd: this.#parts.spec.cwd, sessionId: this.#sessionId };
  }

  /** Makes files and store agree. Resolves with what the session continues from, or null if nothing was said in it yet. */
  async reconcile(): Promise<ReconciledTranscript | null> {
    const transcript = await reconcileTranscript(this.#parts.spec.sessionStore, this.place);
    this.#isKnown = transcript !== null;
    return transcript;
  }

  /** Follows it from here on. Call it before the program starts. */
  async follow(relocatedTo: readonly string[], onLines: (lines: FollowedLines) => void): Promise<void> {
    const directory = await projectDirectory(this.place);
    this.#follower = followTranscript({
      directory,
      relocatedTo,
      sessionId: this.#sessionId,
      from: this.#isKnown ? 'end' : 'start',
      room: (bytes) => this.#spool.take(bytes),
      onLines: (lines) => {
        this.#mirror.add(lines);
        onLines(lines);
      },
      onProblem: (problem) => this.#parts.onProblem(problem, 'The transcript could not be read as it should.'),
    });
  }

  /** Something was said in the session: the next program resumes it. */
  noteBegun(): void {
    this.#isKnown = true;
  }

  /** The program is in another session. Resolves once the rest of the old one has been delivered. */
  async switchTo(sessionId: string): Promise<void> {
    this.#sessionId = sessionId;
    this.#isKnown = true;
    await this.#follower?.switchTo(sessionId, 'start');
  }

  /** Resolves once everything that is in the files now has been delivered. */
  async catchUp(): Promise<void> {
    await this.#follower?.catchUp();
  }

  /** Resolves once everything delivered is stored, or storing it was tried. */
  stored(): Promise<void> {
    return this.#mirror.stored();
  }

  /** The session is about to end: from here on it is read without waiting for the store. */
  readOn(): void {
    this.#spool.open();
  }

  async close(): Promise<void> {
    this.readOn();
    await this.#follower?.close();
    await this.#mirror.close();
  }

  /** The tool call that a sub-agent works for: the program notes it next to the sub-agent's transcript. */
  parentOf(subpath: string): string | undefined {
    for (const directory of this.#follower?.directories ?? []) {
      try {
        const file = join(directory, this.#sessionId, `${subpath}.meta.json`);
        const { toolUseId } = JSON.parse(readFileSync(file, 'utf8')) as { toolUseId?: unknown };
        if (typeof toolUseId === 'string') return toolUseId;
      } catch {
        // Not there, or not yet: the sub-agent is then known by its own name.
      }
    }
    return undefined;
  }
}
