import { createHash } from 'node:crypto';
import type { ContentBlock } from '../protocol/content.ts';
import type { Actor } from '../protocol/principal.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

export interface PromptRow {
  id: string;
  seq: number;
  content: ContentBlock[];
  /** How many attempts have been made to start its turn. */
  starts: number;
}

export interface NewPrompt {
  id: string;
  content: ContentBlock[];
  /** Who submits it; null: the agent. */
  actor: Actor | null;
}

export interface HostPrompt {
  promptId: string;
  content: ContentBlock[];
}

/** The hash that identifies a repeated prompt. */
export function hashContent(content: readonly ContentBlock[]): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/**
 * Goes with the append of its `prompt_accepted` event. A second prompt with the same id is a unique violation. With a
 * turn it belongs to that turn from the start; otherwise it waits for one.
 */
export function insertPrompt(db: Sql, lease: Lease, prompt: NewPrompt & { turnId?: string | undefined }) {
  return db`
    insert into boocode.prompts (chat_id, id, seq, content, content_hash, turn_id, starts, actor)
    values (${lease.chatId}, ${prompt.id}, ${lease.nextSeq}, ${JSON.stringify(prompt.content)}::text::json,
      ${hashContent(prompt.content)}, ${prompt.turnId ?? null}, ${prompt.turnId === undefined ? 0 : 1},
      ${prompt.actor && JSON.stringify(prompt.actor)}::text::json)`;
}

/** Goes with an append whose event with this index is its `prompt_accepted`: a prompt of the host, ahead of all others. */
export function insertHostPrompt(db: Sql, lease: Lease, { promptId, content }: HostPrompt, index = 0) {
  return db`
    insert into boocode.prompts (chat_id, id, seq, place, content, content_hash, starts)
    values (${lease.chatId}, ${promptId}, ${lease.nextSeq + index}, 0, ${JSON.stringify(content)}::text::json,
      ${hashContent(content)}, 0)`;
}

export interface FoundPrompt {
  seq: number;
  hash: string;
  state: 'waiting' | 'taken' | 'cancelled';
}

/** The turn id of a cancelled prompt, which never gets a turn. */
export const noTurn = '00000000-0000-0000-0000-000000000000';

export async function findPrompt(db: Sql, chatId: string, id: string): Promise<FoundPrompt | null> {
  const [row] = await db<{ seq: number; hash: string; turnId: string | null }[]>`
    select seq, content_hash as hash, turn_id as "turnId" from boocode.prompts where chat_id = ${chatId} and id = ${id}`;
  if (!row) return null;
  const { turnId, ...rest } = row;
  return { ...rest, state: turnId === null ? 'waiting' : turnId === noTurn ? 'cancelled' : 'taken' };
}

/** A prompt's position among the waiting ones. */
const place = (db: Sql) => db`coalesce(place, seq)`;

/** The next prompt, or null if none waits. */
export async function nextPrompt(db: Sql, chatId: string): Promise<PromptRow | null> {
  const [row] = await db<StoredPrompt[]>`
    select id, seq, content, starts from boocode.prompts where chat_id = ${chatId} and turn_id is null
    order by ${place(db)} limit 1`;
  return row ? toPrompt(row) : null;
}

type StoredPrompt = Omit<PromptRow, 'content'> & { content: string };

function toPrompt(row: StoredPrompt): PromptRow {
  return { ...row, content: JSON.parse(row.content) as ContentBlock[] };
}

/** The prompt a turn was started with; null for one the agent started itself. */
export async function findPromptOfTurn(db: Sql, chatId: string, turnId: string): Promise<PromptRow | null> {
  const [row] = await db<StoredPrompt[]>`
    select id, seq, content, starts from boocode.prompts where chat_id = ${chatId} and turn_id = ${turnId}`;
  return row ? toPrompt(row) : null;
}

/** Records an attempt to start a prompt's turn; false if the epoch has moved on. */
export async function setStarts(db: Sql, lease: Lease, id: string, starts: number): Promise<boolean> {
  const rows = await db`
    update boocode.prompts set starts = ${starts} from boocode.chats
    where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and prompts.chat_id = chats.id and prompts.id = ${id}
    returning prompts.id`;
  return rows.length === 1;
}

/** Goes with the append that says so: prompts whose turn is over wait again, in their previous position. */
export function requeuePrompts(db: Sql, lease: Lease, ids: readonly string[], starts: number) {
  return db`
    update boocode.prompts set turn_id = null, starts = ${starts}
    where chat_id = ${lease.chatId} and id = any(${ids as string[]}::text[])
      and turn_id is not null and turn_id <> ${noTurn}`;
}

/** Goes with the append of `queue_resumed`: waiting prompts start with a clean count of attempts. */
export function forgetStarts(db: Sql, lease: Lease) {
  return db`update boocode.prompts set starts = 0 where chat_id = ${lease.chatId} and turn_id is null and starts > 0`;
}

export interface WaitingPromptRow {
  id: string;
  place: number;
}

/** In queue order. */
export function listWaitingPrompts(db: Sql, chatId: string): Promise<WaitingPromptRow[]> {
  return db<WaitingPromptRow[]>`
    select id, ${place(db)} as place from boocode.prompts where chat_id = ${chatId} and turn_id is null order by 2`;
}

/** The same, with their content and, where known, their author. */
export async function readWaitingPrompts(db: Sql, chatId: string): Promise<(PromptRow & { actor: Actor | null })[]> {
  const rows = await db<(StoredPrompt & { actor: string | null })[]>`
    select id, seq, content, starts, actor from boocode.prompts where chat_id = ${chatId} and turn_id is null
    order by ${place(db)}`;
  return rows.map(({ actor, ...row }) => ({
    ...toPrompt(row),
    actor: actor === null ? null : (JSON.parse(actor) as Actor),
  }));
}

/** Goes with the append of `prompt_cancelled`, after checking that the prompt waits. */
export function cancelPrompt(db: Sql, lease: Lease, id: string) {
  return db`
    update boocode.prompts set turn_id = ${noTurn} where chat_id = ${lease.chatId} and id = ${id} and turn_id is null`;
}

/** Goes with the append of `prompts_reordered`. */
export function placePrompts(db: Sql, lease: Lease, ids: readonly string[], places: readonly number[]) {
  return db`
    update boocode.prompts set place = given.place
    from unnest(${ids as string[]}::text[], ${places as number[]}::bigint[]) as given (id, place)
    where prompts.chat_id = ${lease.chatId} and prompts.id = given.id and prompts.turn_id is null`;
}
