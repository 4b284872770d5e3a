import type { PendingQuery, Row } from 'postgres';
import { dropUndefined } from '../lib/drop-undefined.ts';
import type { AgentName, ChatHolder, PatchChat, SettingName, StoredSettings } from '../protocol/chat.ts';
import type { AgentDirectory, Usage } from '../protocol/event.ts';
import type { ForkedFrom } from '../protocol/fork.ts';
import type { Hold } from '../protocol/hold.ts';
import type { Visibility } from '../protocol/sharing.ts';
import type { Workspace } from '../protocol/workspace.ts';
import type { Worktree } from '../protocol/worktree.ts';
import { isVisible } from './chat-access.ts';
import { mentions } from './chat-search.ts';
import type { Sql } from './database.ts';
import type { Holder } from './hosts.ts';

/** Why the chat's queue is held, as stored. Whether it resumes automatically is the chat's own setting. */
export type StoredHold = Omit<Hold, 'resumesAt'>;

/** An interrupted turn that is to continue by itself, or is continuing in a turn that runs. */
export interface Continuation {
  /** The interrupted turn. */
  turnId: string;
  /** How often an agent was started to continue it, and the turns that it continues itself. */
  starts: number;
}

/** A chat's workspace as stored, with what only hosts need to know. */
export interface StoredWorkspace extends Workspace {
  /** Equal only for the very same directory of a file system; null where those tell nothing. */
  directoryId: string | null;
  /** The host that last had the directory: its machine and data directory. */
  seenBy: string;
}

/** What only hosts need to know about a chat's worktree is stored with it. */
export interface StoredWorktree extends Worktree {
  /** The directory in the repository's own working tree that the chat was created for. */
  directory: string;
  /** Of the repository. */
  commonDirectory: string;
  /** The host that has it: its machine and data directory. */
  seenBy: string;
}

/** A chat as stored: everything but the state, which only the host that holds it knows. */
export interface ChatRow extends StoredSettings {
  id: string;
  /** The agent's last reported working directory; null while that is `cwd`. */
  agentDirectory: AgentDirectory | null;
  /** Null for a chat of an earlier version until its agent starts again. */
  workspace: StoredWorkspace | null;
  agent: AgentName;
  /** How many prompts wait. */
  waitingPrompts: number;
  /** A decision waits for its answer. */
  isAsking: boolean;
  /** The agent has yet to get an answer that is stored. */
  hasAnswer: boolean;
  hold: StoredHold | null;
  /** The host that held the chat when this was read. */
  holder: ChatHolder | null;
  /** The interrupted turn that continues by itself; null if none does. */
  continuation: Continuation | null;
  forkedFrom: ForkedFrom | null;
  /** Its own one, which was made for it. */
  worktree: StoredWorktree | null;
  /** Chats that were given the same prompt. */
  group: string | null;
  /** The budget that the chat was warned about. */
  budgetWarnedUsd: number | null;
  costUsd: number;
  tokensIn: number;
  tokensOut: number;
  head: number;
  createdAt: Date;
  updatedAt: Date;
  ordinal: number;
}

const settingColumns: Record<SettingName, string> = {
  title: 'title',
  cwd: 'cwd',
  backend: 'backend',
  model: 'model',
  effort: 'effort',
  permissionMode: 'permission_mode',
  trusted: 'trusted',
  acceptsAgentMessages: 'accepts_agent_messages',
  resumeAtReset: 'resume_at_reset',
  onInterrupted: 'on_interrupted',
  host: 'pinned_host',
  idleSeconds: 'idle_seconds',
  budgetUsd: 'budget_usd',
  sandbox: 'sandbox',
  sandboxNetwork: 'sandbox_network',
  archived: 'archived',
};
const settings = Object.entries(settingColumns) as [SettingName, string][];

/** The settings among the fields, by their columns. */
function bySettingColumn(fields: ChatChanges | StoredSettings): Record<string, string | number | boolean | null> {
  const given = dropUndefined(fields);
  return Object.fromEntries(settings.flatMap(([name, column]) => (name in given ? [[column, given[name]!]] : [])));
}

/** Across all models of the chat's agent sessions. */
const tokens = (db: Sql, names: readonly (keyof Usage)[]) => db`
  coalesce((select sum(count.value::double precision)
    from boocode.agent_sessions, jsonb_each(model_usage) as model, jsonb_each_text(model.value) as count
    where chat_id = chats.id and count.key = any(${[...names]})), 0)`;

/** The host that holds a chat, as JSON; null if none does. */
export const holderJson = (db: Sql) => db`
  (select json_build_object('id', hosts.id, 'name', coalesce(hosts.name, split_part(hosts.machine, '/', 1)))
    from boocode.hosts where hosts.id = owner_host and lease_until >= clock_timestamp())`;

export const chatColumns = (db: Sql) => db`
  ${settings.map(([name, column]) => db`${db(column)} as ${db(name)},`)} id, agent, hold, continuation, workspace,
  agent_directory as "agentDirectory", forked_from as "forkedFrom", attempt_group as "group",
  budget_warned_usd as "budgetWarnedUsd",
  (select place from boocode.worktrees where chat_id = chats.id) as worktree, next_seq - 1 as head, ${holderJson(db)} as holder,
  (select count(*) from boocode.prompts where chat_id = chats.id and turn_id is null) as "waitingPrompts",
  exists (select from boocode.decisions where chat_id = chats.id and is_open and outcome is null) as "isAsking",
  exists (select from boocode.decisions where chat_id = chats.id and is_open and outcome is not null) as "hasAnswer",
  created_at as "createdAt", updated_at as "updatedAt", ordinal,
  coalesce((select sum(cost_usd) from boocode.agent_sessions where chat_id = chats.id), 0) as "costUsd",
  ${tokens(db, ['inputTokens', 'cacheReadInputTokens', 'cacheCreationInputTokens'])} as "tokensIn",
  ${tokens(db, ['outputTokens'])} as "tokensOut"`;

export interface NewChat extends StoredSettings {
  id: string;
  agent: AgentName;
  workspace?: StoredWorkspace | null;
  group?: string | null;
  /** Whose it is: the server's owner's, unless given. */
  owner?: { id: string; name: string } | undefined;
  /** Private, unless given. */
  visibility?: Visibility | undefined;
}

/** What is stored of a new chat, by column. The driver takes a part of a statement for a value, too. */
export function newChatColumns(db: Sql, { id, agent, workspace = null, group = null, ...rest }: NewChat) {
  const { owner, visibility } = rest;
  return {
    id,
    agent,
    ...bySettingColumn(rest),
    ...(owner && { owner_id: owner.id, owner_name: owner.name }),
    ...(visibility && { visibility }),
    ...(group !== null && { attempt_group: group }),
    ...(workspace && { workspace: json(db, workspace) as unknown as string }),
  };
}

type JsonField = 'hold' | 'holder' | 'agentDirectory' | 'continuation' | 'workspace' | 'forkedFrom' | 'worktree';
export type RawRow = Omit<ChatRow, JsonField> & Record<JsonField, string | null>;

export function toRow(raw: RawRow): ChatRow {
  const { hold, holder, agentDirectory, continuation, workspace, forkedFrom, worktree, ...row } = raw;
  return {
    ...row,
    hold: parsed<StoredHold>(hold),
    holder: parsed<ChatHolder>(holder),
    agentDirectory: parsed<AgentDirectory>(agentDirectory),
    continuation: parsed<Continuation>(continuation),
    workspace: parsed<StoredWorkspace>(workspace),
    forkedFrom: parsed<ForkedFrom>(forkedFrom),
    worktree: parsed<StoredWorktree>(worktree),
  };
}

function parsed<T>(json: string | null): T | null {
  return json === null ? null : (JSON.parse(json) as T);
}

/** Safe to repeat under the same id. */
export async function insertChat(db: Sql, chat: NewChat): Promise<ChatRow> {
  const [row] = await db<RawRow[]>`
    insert into boocode.chats ${db(newChatColumns(db, chat))}
    on conflict (id) do update set updated_at = clock_timestamp()
    returning ${chatColumns(db)}`;
  return toRow(row as RawRow);
}

export interface Head {
  /** The seq of the newest event. */
  head: number;
  /** The host that holds the chat. */
  holder: Holder | null;
}

/** How far the logs of these chats reach and who writes them, by chat. Those that do not exist are left out. */
export async function findHeads(db: Sql, chatIds: readonly string[]): Promise<Map<string, Head>> {
  const rows = await db<
    { id: string; head: number; hostId: string | null; name: string | null; address: string | null }[]
  >`
    select chats.id, next_seq - 1 as head, hosts.id as "hostId", hosts.name, hosts.address
    from boocode.chats left join boocode.hosts on hosts.id = owner_host and lease_until >= clock_timestamp()
    where chats.id = any(${chatIds as string[]}::uuid[])`;
  return new Map(
    rows.map(({ id, head, hostId, name, address }) => [
      id,
      { head, holder: hostId === null ? null : { id: hostId, name, address } },
    ]),
  );
}

/** A chat that is still being imported is visible only to its importer. */
export async function findChat(db: Sql, id: string, which: { importing?: boolean } = {}): Promise<ChatRow | null> {
  const [row] = await db<RawRow[]>`
    select ${chatColumns(db)} from boocode.chats where id = ${id} and (importing_session is not null) = ${which.importing === true}`;
  return row ? toRow(row) : null;
}

/** Which of these do not exist. */
export async function chatsMissing(db: Sql, chatIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select id from boocode.chats where id = any(${chatIds as string[]}::uuid[])`;
  const found = new Set(rows.map(({ id }) => id));
  return chatIds.filter((id) => !found.has(id));
}

export interface ChatPageQuery {
  /** An ordinal. */
  before: number | null;
  limit: number;
  archived?: boolean | undefined;
  group?: string | undefined;
  /** Contained in the title, or in what was said. */
  q?: string | undefined;
  /** Only those that this person may see. */
  visibleTo?: string | undefined;
}

/** Newest first; for `toChatRows`. */
export function listChats(db: Sql, { before, limit, archived, group, q, visibleTo }: ChatPageQuery) {
  return db<RawRow[]>`
    select ${chatColumns(db)} from boocode.chats
    where importing_session is null and ${isVisible(db, visibleTo)}
      ${before === null ? db`` : db`and ordinal < ${before}`}
      ${archived === undefined ? db`` : db`and archived = ${archived}`}
      ${group === undefined ? db`` : db`and attempt_group = ${group}`}
      ${q === undefined ? db`` : db`and ${mentions(db, q)}`}
    order by ordinal desc limit ${limit}`;
}

export function toChatRows(rows: readonly RawRow[]): ChatRow[] {
  return rows.map(toRow);
}

/** What can change in a chat: a patch without the choice for a running turn. */
export type ChatChanges = Omit<PatchChat, 'running'>;

/** What a write may change in the chat's row, including what no patch does. */
export type RowChanges = ChatChanges & {
  hold?: StoredHold | null;
  agentDirectory?: AgentDirectory;
  continuation?: Continuation | null;
  /** The id of the host that is to take the chat next. */
  nextHost?: string;
  workspace?: StoredWorkspace | null;
  budgetWarnedUsd?: number;
};

/** What an update of the chat's row sets. */
export function chatChanges(
  db: Sql,
  { hold, agentDirectory, continuation, nextHost, workspace, budgetWarnedUsd, ...changes }: RowChanges,
) {
  const columns = {
    ...bySettingColumn(changes),
    ...(hold === undefined ? {} : { hold: hold && json(db, hold) }),
    ...(continuation === undefined ? {} : { continuation: continuation && json(db, continuation) }),
    // A pin has the last word.
    ...(nextHost === undefined && !changes.host ? {} : { next_host: nextHost ?? null }),
    ...(workspace === undefined ? {} : { workspace: workspace && json(db, workspace) }),
    ...(budgetWarnedUsd === undefined ? {} : { budget_warned_usd: budgetWarnedUsd }),
    // In another directory the agent has not been anywhere yet.
    ...(changes.cwd === undefined ? {} : { agent_directory: null }),
    ...(agentDirectory ? { agent_directory: json(db, agentDirectory) } : {}),
  };
  const sets = Object.entries(columns).map(([column, value]) => db`, ${db(column)} = ${value}`);
  return [db`updated_at = statement_timestamp()`, ...sets];
}

export const json = (db: Sql, value: object) => db`${JSON.stringify(value)}::text::json`;

/**
 * Deletes the chat with everything in it, its transcript too. Under the lease, so no writer is left. The epoch grows
 * first, so that the deleting statement sees everything that was ever written.
 */
export async function deleteChat(db: Sql, lease: { chatId: string; epoch: number }): Promise<boolean> {
  const [last] = await db<{ epoch: number }[]>`
    update boocode.chats set epoch = epoch + 1 where id = ${lease.chatId} and epoch = ${lease.epoch} returning epoch`;
  if (!last) return false;
  return (await deleteWithEntries(db, db`id = ${lease.chatId} and epoch = ${last.epoch}`)) === 1;
}

/**
 * The chosen chats with everything stored about them. Returns how many there were. For an hour, a row in `deleted_chats`
 * tells other hosts; imports, which nobody has seen, leave none.
 */
export async function deleteWithEntries(db: Sql, chosen: PendingQuery<Row[]>): Promise<number> {
  const rows = await db`
    with gone as (delete from boocode.chats where ${chosen} returning id, importing_session),
    swept as (
      delete from boocode.deleted_chats where id in (
        select id from boocode.deleted_chats where deleted_at < clock_timestamp() - interval '1 hour'
        for update skip locked)),
    marked as (insert into boocode.deleted_chats (id) select id from gone where importing_session is null),
    entries as (delete from boocode.claude_session_entries where project_key in (select id::text from gone)),
    summaries as (delete from boocode.claude_session_summaries where project_key in (select id::text from gone))
    select id from gone`;
  return rows.length;
}
