import type { Sql } from './database.ts';

/** The text as patterns that find it anywhere. */
const anywhere = (text: string): string[] => casesOf(text).map((each) => `%${each.replaceAll(/[\\%_]/g, '\\$&')}%`);

/** A database of the locale C, as the embedded one is, knows upper and lower case of ASCII only. */
function casesOf(text: string): string[] {
  if (/^\p{ASCII}*$/u.test(text)) return [text];
  const lower = text.toLowerCase();
  const [first = '', ...rest] = lower;
  return [...new Set([text, lower, text.toUpperCase(), first.toUpperCase() + rest.join('')])];
}

/**
 * Whether a chat's title, or what was said in it, holds a text; upper and lower case alike. Told of a chat without a title
 * is the name of its directory.
 *
 * Payloads are `json`, as JSON.stringify made them. First they are looked through as they are, for the text as
 * JSON.stringify writes it: fast, and nothing is missed. What is found there may be a key, an id or an image, so the texts
 * themselves are looked at then; NUL and lone surrogates, which Postgres cannot decode, are taken out before that. The
 * limit has each chat looked at by itself, up to its first find, and not all events at once.
 */
export function mentions(db: Sql, text: string) {
  const inText = anywhere(text);
  const inJson = anywhere(JSON.stringify(text).slice(1, -1));
  return db`(
    coalesce(title, regexp_replace(cwd, '^.*/', '')) ilike any(${inText}::text[])
    or (
      select true from boocode.events
      where events.chat_id = chats.id and type in ('prompt_accepted', 'user_message', 'incoming_message', 'agent_message')
        and payload::text ilike any(${inJson}::text[])
        and exists (
          select from json_array_elements(
            regexp_replace(
              payload::text, '(?<!\\\\)((?:\\\\\\\\)*)\\\\u(?:0000|d[89a-f][0-9a-f]{2})', '\\1\\\\ufffd', 'g'
            )::json -> 'content'
          ) as block
          where block ->> 'text' ilike any(${inText}::text[])
        )
      limit 1
    )
  )`;
}
