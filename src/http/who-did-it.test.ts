import { describe, expect, it } from 'vitest';
import { anActor, ownerVia } from '../../test/support/owners-chats.ts';
import { createTestApp, testToken } from '../../test/support/test-app.ts';
import type { Chats } from '../chats/chats.ts';
import { systemClock } from '../lib/clock.ts';
import type { Actor } from '../protocol/principal.ts';
import { owner } from './access.ts';
import { json, type Policy, route } from './route.ts';

const id = '11111111-1111-4111-8111-111111111111';
const chat = `/v1/chats/${id}`;

/** Every request that changes something in a principal's name, and the method that it calls. */
const requests: [Exclude<keyof Chats, 'draining' | 'changes'>, string, string, unknown?][] = [
  ['moveToHost', 'POST', `${chat}/host`, { hostId: id }],
  ['patchChat', 'PATCH', chat, { title: 'x' }],
  ['giveTrust', 'POST', `${chat}/trust`, { digest: '0'.repeat(64) }],
  ['deleteChat', 'DELETE', chat],
  ['submitPrompt', 'POST', `${chat}/prompts`, { content: 'x' }],
  ['interrupt', 'POST', `${chat}/interrupt`],
  ['rewind', 'POST', `${chat}/rewind`, {}],
  ['forkChat', 'POST', `${chat}/fork`, { at: 3 }],
  ['cancelPrompt', 'DELETE', `${chat}/prompts/p`],
  ['movePrompt', 'PATCH', `${chat}/prompts/p`, { before: null }],
  ['resumeQueue', 'POST', `${chat}/resume`, {}],
  ['answerDecision', 'POST', `/v1/decisions/${id}`, { outcome: 'allow' }],
];

/** An app whose chats record only who requested what. */
function watched() {
  const test = createTestApp();
  const asked: { method: keyof Chats; actor: Actor }[] = [];
  for (const [method] of requests) {
    Object.assign(test.chats, {
      [method]: (actor: Actor) => {
        asked.push({ method, actor });
        return Promise.resolve({ receipt: { promptId: 'p' }, created: true });
      },
    });
  }
  return { ...test, asked };
}

describe('WHO-1 WHO-2: a request that changes something', () => {
  it.each(requests)(
    'with the token is from the owner, via the client that it names: %s',
    async (method, ...request) => {
      const app = watched();
      const [verb, path, body] = request;
      await app.call(verb, path, { body, headers: { 'boocode-client': 'someone else' } });
      await app.call(verb, path, { body });
      expect(app.asked).toEqual([
        { method, actor: ownerVia('someone else') },
        { method, actor: ownerVia('api') },
      ]);
    },
  );

  it.each(requests)(
    'with an invalid client name, or without the token, is refused: %s',
    async (_method, verb, path, body) => {
      const app = watched();
      const unnamed = await app.call(verb, path, { body, headers: { 'boocode-client': 'x'.repeat(65) } });
      expect([unnamed.status, await unnamed.json()]).toMatchObject([400, { field: 'boocode-client' }]);
      const unknown = await app.call(verb, path, { body, headers: { authorization: 'Bearer wrong' } });
      expect(unknown.status).toBe(401);
      expect(app.asked).toEqual([]);
    },
  );

  it.each(requests)('accepts no other name in its body: %s', async (_method, verb, path, body) => {
    const app = watched();
    const claims = { by: 'someone else', via: 'x', principal: { ...owner, id: 'x' } };
    for (const [field, value] of Object.entries(claims)) {
      const answer = await app.call(verb, path, { body: { ...(body as object | undefined), [field]: value } });
      expect(answer.status).toBe(400);
    }
    expect(app.asked).toEqual([]);
  });
});

describe('WHO-1: a route', () => {
  const textOf = <L extends Policy>(policy: L) =>
    ({ id: 'x', method: 'GET', path: '/x', policy, summary: '', responses: {} }) as const;
  const role = 'viewer';
  const incoming = { request: new Request('http://localhost/x'), pathParams: {}, clock: systemClock, env: {} };

  it.each(['bearer', 'ticket'] as const)('under the policy %s answers only with a principal', async (policy) => {
    const who = route({ ...textOf(policy), role }, {}, ({ actor }) => json(200, actor.principal));
    await expect(who.answer({ ...incoming, grant: undefined })).rejects.toMatchObject({ code: 'internal' });
    expect(await (await who.answer({ ...incoming, grant: { principal: owner, by: 'server' } })).json()).toEqual(owner);
  });

  it.each(['open', 'static', 'code'] as const)('under the policy %s gets no principal', async (policy) => {
    const isKnown = route(textOf(policy), {}, (input) => json(200, 'actor' in input));
    expect(await (await isKnown.answer({ ...incoming, grant: { principal: owner, by: 'server' } })).json()).toBe(false);
    // @ts-expect-error -- its handler gets no actor
    route(textOf(policy), {}, ({ actor }) => json(200, actor));
  });
});

describe('WHO-3: a line about a request', () => {
  it('names the principal of a refused one, if its credential was valid', async () => {
    const app = createTestApp();
    await app.call('GET', '/v1/chats?limit=x', { headers: { 'boocode-client': 'cli' } });
    await app.call('GET', '/v1/chats', { headers: { origin: 'https://evil.example' } });
    expect(app.infos.map(({ facts }) => facts)).toEqual([
      expect.objectContaining({ code: 'invalid_request', principal: 'owner', client: 'cli' }),
      expect.not.objectContaining({ principal: expect.anything() as unknown }),
    ]);
  });

  it('names the principal of a stored prompt', async () => {
    const app = createTestApp();
    const { id: chatId } = await app.chats.createChat({ cwd: '/' });
    await app.call('POST', `/v1/chats/${chatId}/prompts`, {
      body: { content: 'x' },
      headers: { 'boocode-client': 'cli' },
    });
    expect(app.infos.at(-1)).toMatchObject({
      facts: { principal: 'owner', client: 'cli' },
      message: 'A prompt was stored.',
    });
    expect(JSON.stringify(app.infos)).not.toContain(testToken);
    const [event] = (await app.chats.readEvents(chatId, { after: 0, limit: 1 })).items;
    expect(event).toMatchObject({ by: 'owner', principal: anActor.principal, via: 'cli' });
  });
});
