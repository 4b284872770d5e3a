import { z } from 'zod';
import type { Audit } from '../chats/audit-log.ts';
import type { Log } from '../lib/log.ts';
import { auditEntry, type AuditEntry, auditOrders, auditOutcomes, auditPage } from '../protocol/audit.ts';
import { BooError } from '../protocol/error.ts';
import { linesBody } from './ndjson.ts';
import { pageCursor, pageLimit, uuid } from './parameters.ts';
import { json, route, type Route } from './route.ts';

const contentType = 'application/x-ndjson';

const isTime = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}(T.*(Z|[+-]\d{2}:\d{2}))?$/.test(text) && !Number.isNaN(Date.parse(text));

const moment = z
  .string()
  .refine(isTime, 'must be a day like 2027-01-31, or a time with an offset like 2027-01-31T09:00:00+01:00')
  .transform((text) => new Date(text))
  .meta({ override: { anyOf: ['date', 'date-time'].map((format) => ({ type: 'string', format })) } });

const name = z
  .string()
  .min(1)
  .max(200)
  .refine((value) => !value.includes('\u0000'), 'must not contain a NUL character');

export function auditRoutes(audit: Audit | undefined, log: Log): Route[] {
  return [
    route(
      {
        id: 'readAudit',
        method: 'GET',
        path: '/v1/audit',
        policy: 'bearer',
        role: 'owner',
        summary: 'Read what people did, as pages or, with Accept: application/x-ndjson, all of it as lines of JSON',
        errors: ['not_found'],
        responses: {
          200: [
            {
              description: 'A page, the newest first; pass its `next` as `after` for the next one.',
              schema: auditPage,
            },
            { description: 'One entry per line, all that match.', contentType, schema: auditEntry },
          ],
        },
      },
      {
        query: z.strictObject({
          from: moment.optional(),
          to: moment.optional(),
          person: name.optional(),
          chat: uuid.optional(),
          act: name.optional(),
          outcome: z.enum(auditOutcomes).optional(),
          order: z.enum(auditOrders).default('newest'),
          after: pageCursor.optional(),
          limit: pageLimit(1000, 100).optional(),
        }),
      },
      async ({ query: { after, limit = 100, ...query }, request, env }) => {
        if (!audit) throw new BooError('not_found', 'This server keeps no audit log.');
        const filter = { ...query, after: after === undefined ? undefined : Number(after) };
        const wanted = request.headers.get('accept') ?? '';
        if (!wanted.includes(contentType)) return json(200, await audit.page({ ...filter, limit }, request.signal));
        const headers = { 'content-type': contentType, 'cache-control': 'no-store, no-transform' };
        if (request.method !== 'GET') return new Response(null, { headers });
        let forget: (() => void) | undefined;
        const lines = linesBody(linesOf(audit.all(filter)), {
          onEnd: (error) => {
            forget?.();
            if (error !== undefined) log.error({ err: error }, 'An export of the audit log broke off.');
          },
        });
        forget = env.openFeeds?.add(() => lines.abort());
        return new Response(lines.body, { headers });
      },
    ),
  ];
}

async function* linesOf(pages: AsyncIterable<AuditEntry[]>): AsyncGenerator<string, void, undefined> {
  for await (const page of pages) yield page.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}
