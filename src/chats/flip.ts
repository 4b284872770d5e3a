/**
 * A flip: the chat continues on another backend, or in another directory, in the same session. It is a task of the work
 * queue: the old backend closes the session in order, so that the transcript is complete in the store, and one write
 * makes the new backend or directory known to everybody. The next turn opens the session there, from the store.
 *
 * A flip that has to wait, for a turn or for work that closing would kill, exists only as long as its caller waits:
 * nothing of it is stored, so that it cannot surprise anybody later.
 */
import type { BackendName, RunningChoice } from '../protocol/chat.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { setSessionBackend } from '../store/agent-sessions.ts';
import type { ChatChanges, ChatRow, StoredWorkspace } from '../store/chats.ts';
import type { Write } from '../store/events.ts';
import {
  assertIdle,
  betweenTurns,
  type BusyChat,
  closeSession,
  storeOrFail,
  untilIdle,
  type Verb,
} from './between-turns.ts';
import { changeSettings } from './change-settings.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import { leaveDirectory } from './kept-sessions.ts';

/** What cannot change while the session is open. */
interface FlipTarget {
  backend?: BackendName | undefined;
  /** Resolved: see `resolveWorkingDirectory`. */
  cwd?: string | undefined;
}

export interface FlipRequest extends FlipTarget {
  /** What happens to a running turn, and to work that closing the session would kill. */
  running: RunningChoice;
  /** What else changes, in the same write. */
  changes: ChatChanges;
  /** Who asks for it. */
  actor: Actor;
  /** Aborted with a BooError once the caller no longer waits. */
  signal: AbortSignal | undefined;
}

/** Throws `backend_unavailable`, or `chat_busy` when something runs and the request does not say what happens to it. */
export async function flipChat(chat: BusyChat, request: FlipRequest): Promise<void> {
  const { settings, queue } = chat;
  const target = changesOf(request, settings);
  if (!queue.has('flip') && !target) return changeSettings(chat, request.changes, request.actor);
  // Before anything is touched.
  request.signal?.throwIfAborted();
  chat.agents.choose(settings.row.agent, request.backend ?? settings.row.backend);
  // A move takes no decisions along, since their calls would run in another directory.
  const continuesOn = target?.cwd === undefined ? target?.backend : undefined;
  await betweenTurns(chat, { ...request, verb: verbOf(target), continuesOn }, () => flipNow(chat, request));
}

const verbOf = (target: FlipTarget | undefined): Verb => (target?.cwd === undefined ? 'flip' : 'move');

/** What the request changes about the chat; undefined when it changes nothing. */
function changesOf({ backend, cwd }: FlipTarget, { row, directory, missing }: ChatSettings): FlipTarget | undefined {
  const target = {
    ...(backend === undefined || backend === row.backend ? {} : { backend }),
    // The directory at its path may be another one here: then this says that it is the right one.
    ...(cwd === undefined || (cwd === row.cwd && cwd === directory && !missing) ? {} : { cwd }),
  };
  return Object.keys(target).length === 0 ? undefined : target;
}

/** Between turns. */
async function flipNow(chat: BusyChat, { running, changes, actor, signal, ...request }: FlipRequest): Promise<void> {
  const { log, session, settings } = chat;
  const { agent, trusted } = settings.row;
  // Another flip may have been first.
  const target = changesOf(request, settings);
  if (!target) return changeSettings(chat, changes, actor);

  if (running === 'refuse') assertIdle(false, session, verbOf(target));
  await untilIdle(chat, signal);
  await closeSession(chat);
  if (target.cwd !== undefined) await leaveDirectory(chat);
  // Trust belongs to a directory: whoever reviewed the old one has not reviewed this one.
  const untrusted = target.cwd !== undefined && trusted ? { trusted: false } : {};
  const all = { ...untrusted, ...changes, ...target };
  const workspace =
    target.cwd === undefined ? undefined : ((await chat.workspaces.look(target.cwd))?.workspace ?? null);
  await storeOrFail(chat, flipped(log, agent, all, actor, workspace));
  settings.stored({ ...all, ...(workspace === undefined ? {} : { workspace }) });
  session.forgetFailure();
}

function flipped(
  log: ChatLog,
  agent: ChatRow['agent'],
  changes: ChatChanges,
  actor: Actor,
  workspace: StoredWorkspace | null | undefined,
): Write {
  const { backend } = changes;
  return {
    events: [{ body: { type: 'chat_updated', ...changes, ...doneByActor(actor) } }],
    ...(backend === undefined ? {} : { side: (db) => [setSessionBackend(db, log.lease, agent, backend)] }),
    chat: { ...changes, ...(workspace === undefined ? {} : { workspace }) },
  };
}
