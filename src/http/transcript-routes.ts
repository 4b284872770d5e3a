import type { Chats, StoredTranscript } from '../chats/chats.ts';
import type { Log } from '../lib/log.ts';
import { transcriptRecord, type TranscriptRecord } from '../protocol/transcript.ts';
import { linesBody } from './ndjson.ts';
import { chatPath } from './parameters.ts';
import { route, type Route } from './route.ts';

const contentType = 'application/x-ndjson';

export function transcriptRoutes(chats: Chats, { log }: { log: Log }): Route[] {
  return [
    route(
      {
        id: 'readTranscript',
        method: 'GET',
        path: '/v1/chats/{chatId}/transcript',
        policy: 'bearer',
        role: 'viewer',
        isAudited: true,
        summary: 'Read the transcripts of a chat’s sessions as the agent wrote them',
        errors: ['chat_elsewhere'],
        responses: {
          200: {
            description:
              'One JSON object per line: a `transcript`, then every `entry`, then an `end`. The chat’s current ' +
              'session comes first, then earlier ones; each session’s own transcript comes before its sub-agents’. ' +
              'A response without an `end` is incomplete.',
            contentType,
            schema: transcriptRecord,
          },
        },
      },
      { params: chatPath },
      async ({ params, request, env }) => {
        const transcript = await chats.readTranscript(params.chatId);
        // The transcript's own bytes, unchanged in transit.
        const headers = { 'content-type': contentType, 'cache-control': 'no-store, no-transform' };
        // HEAD requests arrive here too, but nobody reads their body.
        if (request.method !== 'GET') return new Response(null, { headers });
        let forget: (() => void) | undefined;
        const lines = linesBody(recordsOf(transcript), {
          onEnd: (error) => {
            forget?.();
            if (error !== undefined) log.error({ err: error, chatId: params.chatId }, 'A transcript broke off.');
          },
        });
        forget = env.openFeeds?.add(() => lines.abort());
        return new Response(lines.body, { headers });
      },
    ),
  ];
}

async function* recordsOf({ pages, ...transcript }: StoredTranscript): AsyncGenerator<string, void, undefined> {
  yield recordLine({ type: 'transcript', ...transcript });
  let entries = 0;
  for await (const page of pages) {
    entries += page.length;
    yield page
      .map(({ sessionId, subpath, json }) => {
        // The entry is inserted as the text it was stored as.
        const head = JSON.stringify({ type: 'entry', sessionId, subpath });
        return `${head.slice(0, -1)},"entry":${json}}\n`;
      })
      .join('');
  }
  yield recordLine({ type: 'end', entries });
}

function recordLine(record: TranscriptRecord): string {
  return `${JSON.stringify(record)}\n`;
}
