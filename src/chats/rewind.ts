/**
 * Takes prompts back: the agent continues as if they had not been sent. Its session is not changed. The chat continues in
 * another one, which contains what came before those prompts: a shortened transcript would grow back from any copy that
 * the program still has, here or on another host. The log keeps everything that was said, and records the rewind.
 */
import { randomUUID } from 'node:crypto';
import { BooError } from '../protocol/error.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { findAgentSession, setSessionId } from '../store/agent-sessions.ts';
import { findTooLongPrompt, markRewound, readPromptsFrom } from '../store/rewinds.ts';
import type { ChatContext } from './chat-context.ts';
import { chatTranscripts } from './chat-transcripts.ts';
import type { ChatSession } from './chat-session.ts';

/** Between turns only. Throws BooError `not_found`, `invalid_request`. */
export async function rewindConversation(
  { sql, log, settings, agents }: ChatContext,
  session: ChatSession,
  given: string | undefined,
  actor: Actor,
): Promise<string[]> {
  const { id: chatId, agent, cwd, agentDirectory: before } = settings.rowHere;
  const own = agents.agentFor(agent);
  const promptId = given ?? (await log.ask(() => findTooLongPrompt(sql, chatId)));
  if (promptId === null) throw noneTooLong();
  const prompts = await log.ask(() => readPromptsFrom(sql, chatId, promptId));
  const from = await log.ask(() => findAgentSession(sql, chatId, agent));
  // The transcript is complete in the store once the session is closed.
  await session.close();
  const to = randomUUID();
  const rewound =
    prompts.length > 0 &&
    from !== null &&
    (await own.rewindSession?.({
      sessionStore: chatTranscripts(sql, log, own.foldSummary),
      cwd,
      from,
      to,
      prompts: prompts.map(({ turnId, content }) => ({ turnId, content })),
    }));
  if (!rewound) throw forgotten();
  const promptIds = prompts.map(({ id }) => id);
  // The rewound turns may have entered or left a worktree.
  const agentDirectory = { cwd: rewound.worktree ?? cwd, worktree: rewound.worktree };
  const hasMoved = agentDirectory.worktree !== (before?.worktree ?? null);
  await log.append({
    events: [
      { body: { type: 'session_rewound', promptIds, sessionId: to, ...doneByActor(actor) } },
      ...(hasMoved ? [{ body: { type: 'current_directory_update' as const, ...agentDirectory } }] : []),
    ],
    ...(hasMoved ? { chat: { agentDirectory } } : {}),
    side: (db) => [setSessionId(db, log.lease, agent, to), markRewound(db, log.lease, promptIds)],
  });
  return promptIds;
}

export function noneTooLong(): BooError {
  return new BooError('not_found', 'No prompt needs to be taken back: the last one that failed was not too long.');
}

export function forgotten(): BooError {
  const message = 'before: the agent’s session does not contain this prompt. It may already have been taken back.';
  return new BooError('invalid_request', message, { details: { field: 'before' } });
}
