import type { Chats } from '../chats/chats.ts';
import type { Log } from '../lib/log.ts';
import { chat, warmedChat } from '../protocol/chat.ts';
import { resumeQueue } from '../protocol/hold.ts';
import { interruptResult, movePrompt, receipt, submitPrompt, toBlocks, waitingPromptList } from '../protocol/prompt.ts';
import { rewindChat, rewindResult } from '../protocol/rewind.ts';
import { checkImages } from './check-images.ts';
import { silently } from './patiently.ts';
import { chatPath, promptPath } from './parameters.ts';
import { PromptQuota } from './quotas.ts';
import { json, largeBodyBytes, route, type Route } from './route.ts';

export function promptRoutes(chats: Chats, log: Log, promptLimit?: number): Route[] {
  const quota = new PromptQuota(promptLimit);
  return [
    route(
      {
        id: 'submitPrompt',
        method: 'POST',
        path: '/v1/chats/{chatId}/prompts',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Send a prompt; with a client-chosen id it can safely be sent again',
        errors: ['prompt_conflict', 'chat_elsewhere', 'workspace_missing', 'quota_exceeded'],
        bodyLimitBytes: largeBodyBytes,
        responses: {
          202: { description: 'The prompt is stored and will run in its turn.', schema: receipt },
          200: { description: 'The prompt was stored before; the same receipt.', schema: receipt },
        },
      },
      { params: chatPath, body: submitPrompt },
      async ({ params: { chatId }, body, actor, env }) => {
        await checkImages(toBlocks(body.content));
        await quota.take(chatId, body.id, async () => (await chats.listPrompts(chatId)).items);
        const result = await chats.submitPrompt(actor, chatId, body);
        const { promptId } = result.receipt;
        const by = { principal: actor.principal.id, client: actor.via, source: env.peer?.source };
        if (result.created) log.info({ chatId, promptId, ...by }, 'A prompt was stored.');
        return json(result.created ? 202 : 200, result.receipt);
      },
    ),
    route(
      {
        id: 'listPrompts',
        method: 'GET',
        path: '/v1/chats/{chatId}/prompts',
        policy: 'bearer',
        role: 'viewer',
        summary: 'List the waiting prompts, in the order in which they will run',
        responses: { 200: { description: 'All waiting prompts.', schema: waitingPromptList } },
      },
      { params: chatPath },
      async ({ params }) => json(200, await chats.listPrompts(params.chatId)),
    ),
    route(
      {
        id: 'cancelPrompt',
        method: 'DELETE',
        path: '/v1/chats/{chatId}/prompts/{promptId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Cancel a waiting prompt',
        errors: ['prompt_taken', 'chat_elsewhere'],
        responses: { 204: { description: 'The prompt will not run.' } },
      },
      { params: promptPath },
      async ({ params, actor }) => {
        await chats.cancelPrompt(actor, params.chatId, params.promptId);
        return new Response(null, { status: 204 });
      },
    ),
    route(
      {
        id: 'movePrompt',
        method: 'PATCH',
        path: '/v1/chats/{chatId}/prompts/{promptId}',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Move a waiting prompt before another one, or to the end',
        errors: ['prompt_taken', 'chat_elsewhere'],
        responses: { 200: { description: 'All waiting prompts, in their new order.', schema: waitingPromptList } },
      },
      { params: promptPath, body: movePrompt },
      async ({ params, body, actor }) => json(200, await chats.movePrompt(actor, params.chatId, params.promptId, body)),
    ),
    route(
      {
        id: 'resumeQueue',
        method: 'POST',
        path: '/v1/chats/{chatId}/resume',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Resume a held queue; the prompt whose turn failed can be sent again',
        errors: ['chat_elsewhere'],
        responses: {
          200: { description: 'The updated chat. A queue that is not held stays unchanged.', schema: chat },
        },
      },
      { params: chatPath, body: resumeQueue },
      async ({ params, body, actor }) => json(200, await chats.resumeQueue(actor, params.chatId, body)),
    ),
    route(
      {
        id: 'interruptChat',
        method: 'POST',
        path: '/v1/chats/{chatId}/interrupt',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Interrupt the running turn',
        errors: ['chat_elsewhere'],
        responses: { 200: { description: 'Whether a turn was running, and which.', schema: interruptResult } },
      },
      { params: chatPath },
      async ({ params, actor }) => json(200, await chats.interrupt(actor, params.chatId)),
    ),
    route(
      {
        id: 'warmChat',
        method: 'POST',
        path: '/v1/chats/{chatId}/warm',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        summary: 'Start the agent for a prompt that is likely to come; without one it ends again after two minutes',
        errors: ['chat_elsewhere', 'workspace_missing'],
        responses: { 202: { description: 'The chat’s state now. The log does not change.', schema: warmedChat } },
      },
      { params: chatPath },
      async ({ params }) => json(202, await chats.warmAhead(params.chatId)),
    ),
    route(
      {
        id: 'rewindChat',
        method: 'POST',
        path: '/v1/chats/{chatId}/rewind',
        policy: 'bearer',
        role: 'member',
        byHolder: true,
        errors: ['chat_busy', 'chat_elsewhere', 'changes_unavailable', 'files_changed', 'workspace_missing'],
        summary: 'Go back to before a prompt: the conversation, the files, or both',
        responses: { 200: { description: 'What was taken back, or in a dry run would be.', schema: rewindResult } },
      },
      { params: chatPath, body: rewindChat },
      async ({ params, body, actor, env }) =>
        json(200, await silently(env, () => chats.rewind(actor, params.chatId, body))),
    ),
  ];
}
