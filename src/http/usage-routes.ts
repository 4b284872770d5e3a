import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { visibleTo } from '../chats/sharing.ts';
import { maxUsageRows, usageGroups, usualUsageRows } from '../protocol/usage-groups.ts';
import { usageReport } from '../protocol/usage-report.ts';
import { pageLimit } from './parameters.ts';
import { json, route, type Route } from './route.ts';

const message = 'must be a day like 2027-01-31, or a time with an offset like 2027-01-31T09:00:00+01:00';

const [day, time] = [z.iso.date(), z.iso.datetime({ offset: true })];
const moment = z
  .string()
  .refine((text) => day.safeParse(text).success || time.safeParse(text).success, message)
  .meta({ override: { anyOf: ['date', 'date-time'].map((format) => ({ type: 'string', format })) } });

export function usageRoutes({ usage }: Pick<Chats, 'usage'>): Route[] {
  return [
    route(
      {
        id: 'readUsage',
        method: 'GET',
        path: '/v1/usage',
        policy: 'bearer',
        role: 'viewer',
        summary: 'Add up the tokens and dollars that all chats have used, deleted ones included',
        responses: {
          200: {
            description: 'The sums, by day, chat, directory or model. Without `from` those of the last thirty days.',
            schema: usageReport,
          },
        },
      },
      {
        query: z.strictObject({
          group: z.enum(usageGroups).default('day'),
          from: moment.optional(),
          to: moment.optional(),
          timeZone: z.string().min(1).max(100).optional(),
          limit: pageLimit(maxUsageRows, usualUsageRows),
        }),
      },
      async ({ query, actor, request: { signal } }) =>
        json(200, await usage.report(query, signal, visibleTo(actor.principal))),
    ),
  ];
}
