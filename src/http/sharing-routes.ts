import type { Sharing } from '../chats/sharing.ts';
import { BooError } from '../protocol/error.ts';
import { chatSharing, setVisibility, shareChat } from '../protocol/sharing.ts';
import { chatPath, uuid } from './parameters.ts';
import { json, route, type Route } from './route.ts';

const sharePath = chatPath.extend({ personId: uuid });

export function sharingRoutes(given: Sharing | undefined): Route[] {
  const path = '/v1/chats/{chatId}/shares';
  const sharing = (): Sharing => {
    if (!given) throw new BooError('not_found', 'Chats are not shared on this server.');
    return given;
  };
  return [
    route(
      {
        id: 'getSharing',
        method: 'GET',
        path,
        policy: 'bearer',
        role: 'viewer',
        summary: 'Whose the chat is, whether it is the team’s, and with whom it is shared',
        responses: { 200: { description: 'Its owner, visibility and shares.', schema: chatSharing } },
      },
      { params: chatPath },
      async ({ params, actor }) => json(200, await sharing().read(params.chatId, actor.principal)),
    ),
    route(
      {
        id: 'setVisibility',
        method: 'PATCH',
        path,
        policy: 'bearer',
        role: 'member',
        forOwnerOfChat: true,
        summary: 'Make the chat the team’s, or private again',
        responses: { 200: { description: 'As it is now.', schema: chatSharing } },
      },
      { params: chatPath, body: setVisibility },
      async ({ params, body, actor }) => {
        await sharing().setVisibility(params.chatId, body.visibility);
        return json(200, await sharing().read(params.chatId, actor.principal));
      },
    ),
    route(
      {
        id: 'shareChat',
        method: 'POST',
        path,
        policy: 'bearer',
        role: 'member',
        forOwnerOfChat: true,
        summary: 'Share the chat with one of the people, to read or to take part',
        responses: { 200: { description: 'As it is now.', schema: chatSharing } },
      },
      { params: chatPath, body: shareChat },
      async ({ params, body, actor }) => {
        await sharing().share(params.chatId, body.person, body.access);
        return json(200, await sharing().read(params.chatId, actor.principal));
      },
    ),
    route(
      {
        id: 'unshareChat',
        method: 'DELETE',
        path: `${path}/{personId}`,
        policy: 'bearer',
        role: 'member',
        forOwnerOfChat: true,
        summary: 'Share the chat no more with somebody. What they have open of it ends',
        responses: { 200: { description: 'As it is now.', schema: chatSharing } },
      },
      { params: sharePath },
      async ({ params, actor }) => {
        await sharing().unshare(params.chatId, params.personId);
        return json(200, await sharing().read(params.chatId, actor.principal));
      },
    ),
  ];
}
