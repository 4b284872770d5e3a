import type { Chats } from '../chats/chats.ts';
import { hostList } from '../protocol/host.ts';
import { json, route, type Route } from './route.ts';

export function hostRoutes(chats: Chats): Route[] {
  return [
    route(
      {
        id: 'listHosts',
        method: 'GET',
        path: '/v1/hosts',
        policy: 'bearer',
        summary: 'List the hosts that share this database, oldest first',
        responses: { 200: { description: 'Those that have not stopped.', schema: hostList } },
      },
      {},
      async () => json(200, { items: await chats.listHosts() }),
    ),
  ];
}
