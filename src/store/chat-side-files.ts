/** One chat's side files, written under its lease. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type SideFileKey, type SideFileStore, sideFileLimits, type StoredSideFile } from '../protocol/side-files.ts';
import type { Sql } from './database.ts';
import type { Lease } from './events.ts';
import { inTime } from './in-time.ts';
import { FencedError } from './storage-error.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** Null if it is not stored, or only its name. */
export async function readSideFile(
  sql: Sql,
  chatId: string,
  { sessionId, name }: SideFileKey,
  { fileBytes } = sideFileLimits,
): Promise<Buffer | null> {
  const [row] = await inTime(sql<{ content: string | null }[]>`
    select encode(content, 'base64') as content from boocode.side_files
    where chat_id = ${chatId} and session_id = ${sessionId} and name = ${name}`);
  const packed = row?.content ?? null;
  return packed === null ? null : expand(Buffer.from(packed, 'base64'), { maxOutputLength: fileBytes });
}

export function chatSideFiles(sql: Sql, lease: Lease, limits = sideFileLimits): SideFileStore {
  const { chatId } = lease;
  // The share lock keeps the epoch unchanged until the commit: a takeover waits for this write, or this write for it.
  const held = () => sql`
    held as materialized (
      select id from boocode.chats where id = ${chatId} and epoch = ${lease.epoch} for share
    )`;
  const assertHeld = ([row]: readonly { holds: boolean }[]): void => {
    if (row?.holds !== true) throw new FencedError(chatId);
  };
  return {
    async list() {
      return inTime(sql<StoredSideFile[]>`
        select session_id as "sessionId", name, size, content is not null as "hasContent",
          extract(epoch from clock_timestamp() - changed_at)::double precision * 1000 as "ageMs"
        from boocode.side_files where chat_id = ${chatId} order by changed_at desc, session_id, name`);
    },

    read: (key) => readSideFile(sql, chatId, key, limits),

    async put({ sessionId, name, size, ageMs }, content) {
      const packed = content && (await compress(content)).toString('base64');
      const changedAt = sql`clock_timestamp() - ${ageMs} * interval '1 millisecond'`;
      assertHeld(
        await inTime(sql<{ holds: boolean }[]>`
          with ${held()}
          insert into boocode.side_files (chat_id, session_id, name, size, changed_at, content)
          select id, ${sessionId}, ${name}, ${size}, ${changedAt}, decode(${packed}::text, 'base64') from held
          on conflict (chat_id, session_id, name) do update
            set size = excluded.size, changed_at = excluded.changed_at, content = excluded.content
          returning true as holds`),
      );
    },

    async remove(files) {
      if (files.length === 0) return;
      assertHeld(
        await inTime(sql<{ holds: boolean }[]>`
          with ${held()},
          gone as (
            delete from boocode.side_files using held, unnest(
              ${files.map(({ sessionId }) => sessionId)}::text[], ${files.map(({ name }) => name)}::text[]
            ) as given (session_id, name)
            where side_files.chat_id = held.id and side_files.session_id = given.session_id
              and side_files.name = given.name
          )
          select true as holds from held`),
      );
    },

    async trim() {
      assertHeld(
        await inTime(sql<{ holds: boolean }[]>`
          with ${held()},
          ranked as (
            select session_id, name, row_number() over newest as place,
              sum(coalesce(octet_length(content), 0)) over newest as bytes
            from boocode.side_files where chat_id = ${chatId}
            window newest as (order by changed_at desc, session_id, name)
          ),
          gone as (
            delete from boocode.side_files using held, ranked
            where side_files.chat_id = held.id and side_files.session_id = ranked.session_id
              and side_files.name = ranked.name and place > ${limits.files}
          ),
          emptied as (
            update boocode.side_files set content = null from held, ranked
            where side_files.chat_id = held.id and side_files.session_id = ranked.session_id
              and side_files.name = ranked.name and place <= ${limits.files} and bytes > ${limits.chatBytes}
              and content is not null
          )
          select true as holds from held`),
      );
    },
  };
}
