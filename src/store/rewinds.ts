import type { ContentBlock } from '../protocol/content.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';

/** A prompt whose turn has started, and that the agent's session may contain. */
export interface TakenPrompt {
  id: string;
  turnId: string;
  content: ContentBlock[];
}

/**
 * The first prompt since which the model has answered nothing, because its input is too long. Null if there is none.
 */
export async function findTooLongPrompt(db: Sql, chatId: string): Promise<string | null> {
  const [row] = await db<{ id: string }[]>`
    select prompts.id from boocode.turns join boocode.prompts on prompts.chat_id = turns.chat_id and prompts.turn_id = turns.id
    where turns.chat_id = ${chatId} and turns.error->>'code' = 'context_exceeded' and not prompts.rewound
      and turns.started_at > coalesce((
        select max(started_at) from boocode.turns
        where chat_id = ${chatId} and outcome = 'completed' and (usage->>'outputTokens')::double precision > 0
      ), '-infinity')
    order by turns.started_at limit 1`;
  return row?.id ?? null;
}

/** This prompt and all taken after it, in that order. Empty if it is unknown. */
export async function readPromptsFrom(db: Sql, chatId: string, promptId: string): Promise<TakenPrompt[]> {
  const rows = await db<{ id: string; turnId: string; content: string }[]>`
    select prompts.id, turns.id as "turnId", prompts.content::text as content
    from boocode.turns join boocode.prompts on prompts.chat_id = turns.chat_id and prompts.turn_id = turns.id
    where turns.chat_id = ${chatId} and not prompts.rewound and turns.started_at >= (
      select started_at from boocode.turns join boocode.prompts on prompts.chat_id = turns.chat_id and prompts.turn_id = turns.id
      where prompts.chat_id = ${chatId} and prompts.id = ${promptId} and not prompts.rewound)
    order by turns.started_at`;
  return rows.map((row) => ({ ...row, content: JSON.parse(row.content) as ContentBlock[] }));
}

/** The turn that began with this prompt, also if the agent has forgotten it. Null if it is unknown, or none has. */
export async function findPromptTurn(db: Sql, chatId: string, promptId: string): Promise<string | null> {
  const [row] = await db<{ turnId: string | null }[]>`
    select turn_id as "turnId" from boocode.prompts where chat_id = ${chatId} and id = ${promptId}`;
  return row?.turnId ?? null;
}

/** Goes with the append of `session_rewound`. */
export function markRewound(db: Sql, lease: Lease, promptIds: readonly string[]) {
  return db`
    update boocode.prompts set rewound = true
    from boocode.chats where chats.id = ${lease.chatId} and chats.epoch = ${lease.epoch}
      and prompts.chat_id = chats.id and prompts.id = any(${promptIds as string[]}::text[])`;
}
