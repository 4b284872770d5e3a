import { realpath } from 'node:fs/promises';
import type { AgentDirectory } from '../agents/agent.ts';
import { BooError } from '../protocol/error.ts';
import type { Actor } from '../protocol/principal.ts';
import { type RewindChat, type RewindResult, rewindsConversation, rewindsFiles } from '../protocol/rewind.ts';
import { onlyVisible } from '../store/chat-access.ts';
import { findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findPromptTurn, findTooLongPrompt, readPromptsFrom } from '../store/rewinds.ts';
import { rowHere } from './assert-here.ts';
import type { RewindTarget } from './changes/rewind-files.ts';
import type { Host } from './host.ts';
import { forgotten, noneTooLong } from './rewind.ts';
import type { WorkingChats } from './rewind-chat.ts';
import { describeChatFiles } from './rewind-chat-files.ts';
import { visibleTo } from './sharing.ts';
import { ask, unknownChat } from './storage.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

interface Parts {
  sql: Sql;
  host: Host;
  readonly workspaces: Workspaces;
  readonly agents: AgentDirectory;
}

/** Rewinds a chat, or says what that would change. */
export async function rewindHosted(
  parts: Parts,
  actor: Actor,
  chatId: string,
  rewind: RewindChat,
): Promise<RewindResult> {
  const { sql, host } = parts;
  const target = rewindsFiles(rewind) ? await findTarget(sql, chatId, rewind) : undefined;
  const workingIn = (top: string): Promise<WorkingChats> => findWorking(parts, actor, chatId, top);
  if (rewind.dryRun) return describe(parts, actor, chatId, rewind, target);
  const needsDirectory = target !== undefined;
  return host.use(chatId, (chat) => chat.rewind({ ...rewind, target, workingIn }, actor), { needsDirectory });
}

async function describe(
  parts: Parts,
  actor: Actor,
  chatId: string,
  rewind: RewindChat,
  target: RewindTarget | undefined,
): Promise<RewindResult> {
  const { sql, workspaces, agents } = parts;
  const row = await ask(() => findChat(sql, chatId));
  if (!row) throw unknownChat();
  let promptIds: string[] = [];
  if (rewindsConversation(rewind)) {
    const first = rewind.before ?? (await ask(() => findTooLongPrompt(sql, chatId)));
    if (first === null) throw noneTooLong();
    promptIds = (await ask(() => readPromptsFrom(sql, chatId, first))).map(({ id }) => id);
    if (promptIds.length === 0) throw forgotten();
  }
  if (!target) return { promptIds, files: null };
  const files = await describeChatFiles({ sql, workspaces, agents }, await rowHere(workspaces, row), target);
  const { known } = await findWorking(parts, actor, chatId, files.root);
  return { promptIds, files: { ...files, rewindId: null, workingChats: known } };
}

async function findTarget(sql: Sql, chatId: string, { before, undo }: RewindChat): Promise<RewindTarget> {
  if (undo !== undefined) return { rewindId: undo };
  const turnId = await ask(() => findPromptTurn(sql, chatId, before!));
  if (turnId !== null) return { turnId };
  if (!(await ask(() => findChat(sql, chatId)))) throw unknownChat();
  throw new BooError('invalid_request', 'before: no turn of this chat has begun with this prompt.', {
    details: { field: 'before' },
  });
}

/** Other chats whose agents work in this directory. */
async function findWorking({ sql, host }: Parts, actor: Actor, chatId: string, top: string): Promise<WorkingChats> {
  const working = host.warm.filter(({ id, state }) => id !== chatId && (state === 'running' || state === 'waiting'));
  const isThere = async (directory: string): Promise<boolean> => {
    const own = await realpath(directory).catch(() => directory);
    return own === top || own.startsWith(`${top}/`);
  };
  const where = await Promise.all(
    working.map(async ({ cwd, currentDirectory }) => (await isThere(cwd)) || isThere(currentDirectory)),
  );
  const there = working.filter((_, at) => where[at]);
  const person = visibleTo(actor.principal);
  const visible =
    person === undefined || there.length === 0
      ? null
      : await ask(() =>
          onlyVisible(
            sql,
            person,
            there.map(({ id }) => id),
          ),
        );
  const known = there.filter(({ id }) => visible === null || visible.has(id));
  return { known: known.map(({ id, title }) => ({ chatId: id, title })), others: there.length - known.length };
}
