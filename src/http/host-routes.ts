import type { Chats } from '../chats/chats.ts';
import type { Sharing } from '../chats/sharing.ts';
import { drainStatus, hostList, movedToHost, moveToHost, startDrain } from '../protocol/host.ts';
import { chatPath } from './parameters.ts';
import { patiently } from './patiently.ts';
import { json, route, type Route } from './route.ts';

export function hostRoutes(chats: Chats, sharing?: Sharing): Route[] {
  return [
    route(
      {
        id: 'listHosts',
        method: 'GET',
        path: '/v1/hosts',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the hosts that share this database, oldest first',
        responses: { 200: { description: 'Those that have not stopped.', schema: hostList } },
      },
      {},
      async () => json(200, { items: await chats.listHosts() }),
    ),
    route(
      {
        id: 'moveToHost',
        method: 'POST',
        path: '/v1/chats/{chatId}/host',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Move a chat to another host, in the same session, between turns',
        errors: ['host_unavailable', 'chat_busy', 'chat_elsewhere'],
        responses: {
          200: {
            description:
              'That host takes the chat: at once if it has work, otherwise with the next request. With `"running": "finish"` this responds once the turn is over, and nothing moves if the client hangs up before.',
            schema: movedToHost,
          },
        },
      },
      { params: chatPath, body: moveToHost },
      ({ params, body, actor, request, env }) =>
        patiently(request, env, async (signal) =>
          json(200, await chats.moveToHost(actor, params.chatId, body, { signal })),
        ),
    ),
    route(
      {
        id: 'startDrain',
        method: 'POST',
        path: '/v1/drain',
        policy: 'bearer',
        role: 'owner',
        summary: 'Hand this host’s chats over, and take none until that is cancelled; again, to set another limit',
        responses: { 202: { description: 'It has begun.', schema: drainStatus } },
      },
      { body: startDrain },
      ({ body: { seconds } }) => {
        void chats.draining.start(seconds === undefined ? undefined : seconds * 1000);
        return json(202, chats.draining.status);
      },
    ),
    route(
      {
        id: 'getDrain',
        method: 'GET',
        path: '/v1/drain',
        policy: 'bearer',
        role: 'viewer',
        summary: 'How far this host is with handing its chats over',
        responses: { 200: { description: 'What is left.', schema: drainStatus } },
      },
      {},
      async ({ actor }) => {
        const { running, ...status } = chats.draining.status;
        const chatIds = running.map(({ id }) => id);
        const visible = await sharing?.onlyVisible(actor.principal, chatIds);
        return json(200, { ...status, running: visible ? running.filter(({ id }) => visible.has(id)) : running });
      },
    ),
    route(
      {
        id: 'cancelDrain',
        method: 'DELETE',
        path: '/v1/drain',
        policy: 'bearer',
        role: 'owner',
        summary: 'Let this host take chats again',
        responses: { 200: { description: 'It does.', schema: drainStatus } },
      },
      {},
      async () => {
        await chats.draining.cancel();
        return json(200, chats.draining.status);
      },
    ),
  ];
}
