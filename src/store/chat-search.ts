import type { Sql } from './database.ts';
import { piecesOf } from './search-signature.ts';

/** The text as patterns that find it anywhere. */
const anywhere = (text: string): string[] => casesOf(text).map((each) => `%${each.replaceAll(/[\\%_]/g, '\\$&')}%`);

/** A database of the locale C, as the embedded one is, knows upper and lower case of ASCII only. */
function casesOf(text: string): string[] {
  if (/^\p{ASCII}*$/u.test(text)) return [text];
  const lower = text.toLowerCase();
  const [first = '', ...rest] = lower;
  return [...new Set([text, lower, text.toUpperCase(), first.toUpperCase() + rest.join('')])];
}

/** Events in which somebody says something. */
export const spokenTypes = ['prompt_accepted', 'user_message', 'incoming_message', 'agent_message'];

/**
 * Whether a chat's title, or what was said in it, holds a text; upper and lower case alike. Told of a chat without a title
 * is the name of its directory.
 *
 * Events that have a signature (`search-signature.ts`) are read only where it allows the text; the newest ones, which have
 * none yet, all are. The limits have each chat looked at by itself, up to its first find, and not all events at once.
 */
export function mentions(db: Sql, text: string) {
  const inText = anywhere(text);
  return db`(
    coalesce(title, regexp_replace(cwd, '^.*/', '')) ilike any(${inText}::text[])
    or (
      select true from boocode.search_signatures as signed
      join boocode.events on events.chat_id = signed.chat_id and events.seq = signed.seq
      where signed.chat_id = chats.id and ${mayHold(db, text)} and ${says(db, text)}
      limit 1
    )
    or (
      select true from boocode.events
      where events.chat_id = chats.id
        and seq > coalesce((select seq from boocode.search_progress where search_progress.chat_id = chats.id), 0)
        and type = any(${spokenTypes}::text[]) and ${says(db, text)}
      limit 1
    )
  )`;
}

/** Whether the signature has all the bits of the text, in one of its cases. */
function mayHold(db: Sql, text: string) {
  const sets = [...new Set(casesOf(text).map((each) => piecesOf(each).join(' ')))];
  const allowed = sets.map((pieces) => {
    const bits = pieces === '' ? [] : pieces.split(' ').map(Number);
    const isSet = bits.map(
      (bit) => db` and get_bit(signed.signature, ${bit}::integer % (8 * length(signed.signature))) = 1`,
    );
    return db` or (true ${isSet})`;
  });
  return db`(signed.signature is null ${allowed})`;
}

/**
 * Payloads are `json`, as JSON.stringify made them. First they are looked through as they are, for the text as
 * JSON.stringify writes it: fast, and nothing is missed. What is found there may be a key, an id or an image, so the texts
 * themselves are looked at then; NUL and lone surrogates, which Postgres cannot decode, are taken out before that.
 */
function says(db: Sql, text: string) {
  const inJson = anywhere(JSON.stringify(text).slice(1, -1));
  return db`
    payload::text ilike any(${inJson}::text[])
    and exists (
      select from json_array_elements(
        regexp_replace(
          payload::text, '(?<!\\\\)((?:\\\\\\\\)*)\\\\u(?:0000|d[89a-f][0-9a-f]{2})', '\\1\\\\ufffd', 'g'
        )::json -> 'content'
      ) as block
      where block ->> 'text' ilike any(${anywhere(text)}::text[])
    )`;
}
