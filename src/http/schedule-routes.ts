import { z } from 'zod';
import type { Chats } from '../chats/chats.ts';
import { visibleTo } from '../chats/sharing.ts';
import { createSchedule, patchSchedule, schedule, scheduleList, schedulePage } from '../protocol/schedule.ts';
import { chatPath, pageCursor, pageLimit, schedulePath } from './parameters.ts';
import { json, largeBodyBytes, route, type Route } from './route.ts';

export function scheduleRoutes({ schedules }: Pick<Chats, 'schedules'>): Route[] {
  return [
    route(
      {
        id: 'createSchedule',
        method: 'POST',
        path: '/v1/chats/{chatId}/schedules',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Schedule a prompt for a time, or for the times of a cron pattern',
        errors: ['chat_elsewhere'],
        bodyLimitBytes: largeBodyBytes,
        responses: { 201: { description: 'It is stored.', schema: schedule } },
      },
      { params: chatPath, body: createSchedule },
      async ({ params, body, actor }) => json(201, await schedules.create(actor, params.chatId, body)),
    ),
    route(
      {
        id: 'listChatSchedules',
        method: 'GET',
        path: '/v1/chats/{chatId}/schedules',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the schedules of a chat',
        responses: { 200: { description: 'Those that are due first; paused ones last.', schema: scheduleList } },
      },
      { params: chatPath },
      async ({ params }) => json(200, { items: await schedules.list(params.chatId) }),
    ),
    route(
      {
        id: 'patchSchedule',
        method: 'PATCH',
        path: '/v1/chats/{chatId}/schedules/{scheduleId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Pause a schedule, or resume it with its next time',
        errors: ['chat_elsewhere'],
        responses: { 200: { description: 'The schedule now.', schema: schedule } },
      },
      { params: schedulePath, body: patchSchedule },
      async ({ params, body, actor }) =>
        json(200, await schedules.patch(actor, params.chatId, params.scheduleId, body)),
    ),
    route(
      {
        id: 'deleteSchedule',
        method: 'DELETE',
        path: '/v1/chats/{chatId}/schedules/{scheduleId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Remove a schedule. A prompt that it has given stays',
        errors: ['chat_elsewhere'],
        responses: { 204: { description: 'It is gone.' } },
      },
      { params: schedulePath },
      async ({ params, actor }) => {
        await schedules.remove(actor, params.chatId, params.scheduleId);
        return new Response(null, { status: 204 });
      },
    ),
    route(
      {
        id: 'listSchedules',
        method: 'GET',
        path: '/v1/schedules',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the schedules of all chats',
        responses: { 200: { description: 'A page, the newest first.', schema: schedulePage } },
      },
      { query: z.strictObject({ after: pageCursor.optional(), limit: pageLimit(200, 50) }) },
      async ({ query, actor }) =>
        json(200, await schedules.listAll({ ...query, visibleTo: visibleTo(actor.principal) })),
    ),
  ];
}
