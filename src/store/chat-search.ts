import type { Sql } from './database.ts';
import { pagesAsked, piecesOf } from './search-signature.ts';

/** The text as patterns that match it anywhere. */
const anywhere = (text: string): string[] => casesOf(text).map((each) => `%${each.replaceAll(/[\\%_]/g, '\\$&')}%`);

/** A database with the C locale, such as the embedded one, folds case only for ASCII. */
function casesOf(text: string): string[] {
  if (/^\p{ASCII}*$/u.test(text)) return [text];
  const lower = text.toLowerCase();
  const [first = '', ...rest] = lower;
  return [...new Set([text, lower, text.toUpperCase(), first.toUpperCase() + rest.join('')])];
}

/** Event types that contain conversation text, or what a tool returned. */
export const spokenTypes = ['prompt_accepted', 'user_message', 'incoming_message', 'agent_message', 'tool_call_update'];

/**
 * Whether a chat's title, or what was said or returned by a tool in it, contains a text, ignoring case. An untitled chat's
 * title is its directory's name.
 *
 * Which chats need to be looked at, the index says once for all of them (`search_pages`). In those, events with a signature
 * (`search-signature.ts`) are read only if the signature allows the text; the newest events, which have none yet, are all
 * read. The limits make Postgres search each chat separately, up to its first match, instead of all events at once.
 */
export function mentions(db: Sql, text: string) {
  const inText = anywhere(text);
  const asked = pagesAsked(casesOf(text)).map(
    (pieces) => db`union all select boocode.search_pages_with(${pieces}::text::smallint[]) `,
  );
  return db`(
    coalesce(title, regexp_replace(cwd, '^.*/', '')) ilike any(${inText}::text[])
    or id in (
      select chat_id from boocode.search_progress where paged < seq ${asked}
    ) and (
      select true from boocode.search_signatures as signed
      join boocode.events on events.chat_id = signed.chat_id and events.seq = signed.seq
      where signed.chat_id = chats.id and ${mayHold(db, text)} and ${says(db, text)}
      limit 1
    )
    or (id, next_seq - 1) not in (select chat_id, seq from boocode.search_progress) and (
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
    return db` or (true ${isSet.length > 0 ? isSet : db``})`;
  });
  return db`(signed.signature is null ${allowed})`;
}

/**
 * Payloads are `json`, as JSON.stringify wrote them. They are first searched raw, for the text as JSON.stringify writes
 * it: fast, with no misses. A match there may be in a key, an id or an image, so the texts themselves are then
 * searched, without NUL and lone surrogates, which Postgres cannot decode.
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
        or block -> 'content' ->> 'text' ilike any(${anywhere(text)}::text[])
    )`;
}
