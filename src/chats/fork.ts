/**
 * Forks a chat: a new one that begins with everything said in it up to the end of a turn. Its agent knows that, and nothing
 * of what followed. The other chat is only read, in the database, so it may be doing anything, on any host.
 *
 * The agent's transcript is read once, in pieces, to find where it is to end. All else happens in the database, in one
 * statement. A turn that has just ended on another host, or in a terminal, may not be in the store yet: then it is looked
 * for again a little later.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentDirectory as Agents, ForkReader } from '../agents/agent.ts';
import type { SessionStoreEntry } from '../protocol/session-store.ts';
import { BooError } from '../protocol/error.ts';
import type { ForkChat } from '../protocol/chat.ts';
import type { AgentDirectory, EventBody } from '../protocol/event.ts';
import { type Actor, doneByActor, ownerOf } from '../protocol/principal.ts';
import type { NewWorktree } from '../protocol/worktree.ts';
import { type ChatRow, findChat, type NewChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { type Fork, insertFork, readForkEntries } from '../store/fork.ts';
import {
  findAnswer,
  findLastFinished,
  findLaterIds,
  findLeftOpen,
  findTurnToFork,
  type LeftOpen,
  type TurnToFork,
} from '../store/fork-turns.ts';
import type { SlowLane } from '../store/slow-lane.ts';
import { ask, unknownChat } from './storage.ts';
import { onlyIsolated } from './worktrees/refused.ts';

export interface ForkParts {
  readonly slow: SlowLane;
  readonly agents: Agents;
  /** Makes a worktree for the chat, and has it stored there. */
  readonly isolate: (chat: NewChat, fork: IsolatedFork) => Promise<ChatRow>;
}

export interface IsolatedFork {
  wanted: NewWorktree;
  /** The chats that may have recorded the files, the likeliest first, and at the end of which turn. */
  chatIds: readonly string[];
  turnId: string;
  /** With the directory that it works in. False if it could not be. */
  readonly store: (chat: NewChat) => Promise<boolean>;
}

const [tries, waitMs] = [8, 250];
const maxTitle = 200;

/** Throws `invalid_request` where there is nothing to continue from, and `chat_busy` for what is not stored yet. */
export async function forkChat(parts: ForkParts, actor: Actor, parent: ChatRow, asked: ForkChat): Promise<ChatRow> {
  const { slow, agents, isolate } = parts;
  if (asked.worktree && asked.isolation !== 'worktree') throw onlyIsolated();
  const { sql } = slow;
  const agent = agents.agentFor(parent.agent);
  if (!agent.createForkReader) throw new BooError('invalid_request', `Chats of ${agent.label} cannot be forked.`);
  const at = asked.at ?? (await ask(() => findLastFinished(sql, parent.id)));
  if (at === null) throw refused('The chat has no answer yet, so there is nothing to fork.');
  const turn = await ask(() => findTurnToFork(sql, parent.id, at));
  if (!turn) throw refused('A chat can only be forked at the end of a turn: the seq of a `turn_finished`.');
  if (turn.openDecisionIds.length > 0)
    throw refused('This turn waits for an answer to what it asked: fork at the turn that continues it, or before.');
  if (turn.requeuedPromptIds.length > 0)
    throw refused('The prompt of this turn never reached the agent: fork before it.');
  const { sessionId } = turn;
  if (sessionId === null) throw unknownToAgent();

  const [answer, laterIds, open] = await Promise.all([
    ask(() => findAnswer(sql, parent.id, { turnId: turn.turnId, at })),
    ask(() => findLaterIds(sql, parent.id, at)),
    findLeftOpen(slow, parent.id, at),
  ]);
  const createReader = agent.createForkReader.bind(agent, { turnId: turn.turnId, laterIds, answer });
  const { reader, ...cut } = await findEnd(slow, { chatId: parent.id, sessionId, turn, createReader });

  const id = randomUUID();
  const to = randomUUID();
  const from = { chatId: parent.id, seq: at };
  const { worktree } = reader;
  const entered = worktree === null ? null : { cwd: worktree, worktree };
  const chat = {
    ...parent,
    id,
    title: asked.title ?? titleOfFork(parent.title),
    archived: false,
    group: null,
    owner: ownerOf(actor),
  };
  const forkOf = (own: NewChat, agentDirectory: AgentDirectory | null, isIsolated: boolean): Fork => {
    const events: EventBody[] = [
      ...closing(open, actor, agentDirectory ?? { cwd: own.cwd, worktree: null }),
      { type: 'chat_forked', from, sessionId: to, ...doneByActor(actor) },
    ];
    return { chat: own, from, sessions: { from: sessionId, to }, agentDirectory, isIsolated, events, ...cut };
  };
  if (asked.isolation === 'worktree') {
    return isolate(chat, {
      wanted: asked.worktree ?? {},
      chatIds: await writersOf(sql, parent, at),
      turnId: turn.turnId,
      store: (own) => insertFork(slow, forkOf(own, null, true)),
    });
  }
  if (!(await insertFork(slow, forkOf(chat, entered, false)))) throw unknownChat();
  const row = await ask(() => findChat(sql, id));
  if (!row) throw unknownChat();
  return row;
}

/** The chat, and if the turn is from before it was forked, the one that it was forked from. */
async function writersOf(sql: Sql, chat: ChatRow, at: number): Promise<string[]> {
  const { id, forkedFrom } = chat;
  if (!forkedFrom || at > forkedFrom.seq) return [id];
  const earlier = await ask(() => findChat(sql, forkedFrom.chatId));
  return [id, ...(earlier ? await writersOf(sql, earlier, at) : [forkedFrom.chatId])];
}

interface Search {
  chatId: string;
  sessionId: string;
  turn: TurnToFork;
  readonly createReader: () => ForkReader;
}

async function findEnd(slow: SlowLane, search: Search): Promise<Pick<Fork, 'end' | 'left'> & { reader: ForkReader }> {
  for (let left = tries; ; left -= 1) {
    const found = await readToEnd(slow, search);
    if (found.reader.isWhole) return found;
    // Nothing is to come for a turn that others have followed.
    if (search.turn.nextAt !== null || !found.hasAny) throw unknownToAgent();
    if (left === 0)
      throw new BooError('chat_busy', 'The agent’s transcript of this turn is not stored yet. Try again shortly.');
    await sleep(waitMs);
  }
}

async function readToEnd(slow: SlowLane, { chatId, sessionId, turn, createReader }: Search) {
  const reader = createReader();
  const types = reader.typesBefore;
  const left: number[] = [];
  let last = 0;
  let writtenAt: string | null = null;
  for (;;) {
    const page = await readForkEntries(slow, { chatId, sessionId, turn, types }, last);
    for (const { ordinal, json, at, when } of page) {
      const entry = JSON.parse(json) as SessionStoreEntry;
      const fate = reader.take(entry, when);
      if (fate === 'beyond') return { reader, left, hasAny: true, end: { ordinal, at, writtenAt } };
      if (fate === 'left') left.push(ordinal);
      else if (typeof entry.timestamp === 'string') writtenAt = entry.timestamp;
      last = ordinal;
    }
    if (page.length === 0) {
      return { reader, left, hasAny: last > 0, end: { ordinal: last + 1, at: turn.now, writtenAt } };
    }
  }
}

/** What the copied log left open: none of it goes on in the new chat. */
function closing(open: LeftOpen, actor: Actor, directory: AgentDirectory): EventBody[] {
  const hasMoved =
    open.directory !== null && (open.directory.cwd !== directory.cwd || open.directory.worktree !== directory.worktree);
  return [
    ...open.promptIds.map((promptId): EventBody => ({ type: 'prompt_cancelled', promptId, ...doneByActor(actor) })),
    ...open.decisionIds.map((decisionId): EventBody => ({
      type: 'decision_resolved',
      decisionId,
      outcome: 'cancelled',
      by: 'host',
    })),
    ...(open.isHeld ? [{ type: 'queue_resumed', by: 'host' } as const] : []),
    ...(open.hasBackground ? [{ type: 'background_tasks', tasks: [] } satisfies EventBody] : []),
    ...(hasMoved ? [{ type: 'current_directory_update', ...directory } as const] : []),
  ];
}

/** Null if the other chat has none either: its first prompt with a text names it. */
function titleOfFork(title: string | null): string | null {
  if (title === null) return null;
  const mark = ' (fork)';
  if (title.length + mark.length <= maxTitle) return title + mark;
  // Not in the middle of a character.
  const beginning = title.slice(0, maxTitle - mark.length - 1).replace(/[\ud800-\udbff]$/, '');
  return `${beginning}…${mark}`;
}

function refused(message: string): BooError {
  return new BooError('invalid_request', `at: ${message}`, { details: { field: 'at' } });
}

function unknownToAgent(): BooError {
  return refused('The agent’s session does not have this turn any more, so it cannot be continued from there.');
}
