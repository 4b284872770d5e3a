import { describe, expect, test } from 'vitest';
import { createTestApp } from '../../test/support/test-app.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { systemClock } from '../lib/clock.ts';
import { BooError } from '../protocol/error.ts';
import { changeRoutes } from './change-routes.ts';
import type { Route } from './route.ts';

async function withChat() {
  const app = createTestApp();
  const { id } = await app.chats.createChat({ cwd: '/r' });
  const get = (path: string) => app.call('GET', `/v1/chats/${id}/changes${path}`);
  const post = (path: string, body: object) => app.call('POST', `/v1/chats/${id}/changes${path}`, { body });
  return { ...app, id, get, post };
}

describe('CHANGE-14: changes over HTTP', () => {
  test('need a credential, and are told by the host of the chat', async () => {
    const app = await withChat();
    const headers = { authorization: '' };
    expect((await app.call('GET', `/v1/chats/${app.id}/changes`, { headers })).status).toBe(401);
    const routes = changeRoutes(app.chats, { keepAliveMs: 1_000, clock: systemClock });
    expect(routes.every(({ policy, byHolder }) => policy === 'bearer' && byHolder)).toBe(true);
    expect(routes.every(({ errors }) => errors?.includes('changes_unavailable'))).toBe(true);
  });

  test('are those since the start unless another time is asked for', async () => {
    const { get } = await withChat();
    expect(await (await get('')).json()).toMatchObject({ since: 'start', files: [] });
    expect((await get('s')).status).toBe(404);
    expect(await (await get('?since=head')).json()).toMatchObject({ since: 'head' });
    expect(await (await get('/diff?path=a%0Ab&since=head')).json()).toMatchObject({ since: 'head', diff: '' });
  });

  test.each([
    ['?since=yesterday', 'since'],
    ['?since=turn:x', 'since'],
    ['?since=--output%3Dx', 'since'],
    ['?path=a', 'path'],
    ['/diff?path=', 'path'],
    ['/diff?path=a%00b', 'path'],
    [`/diff?path=${'a'.repeat(4_097)}`, 'path'],
    ['/diff?pathBytes=%2F', 'pathBytes'],
    ['/diff?path=a&pathBytes=YQ', 'pathBytes'],
    ['/diff?tree=HEAD', 'tree'],
  ])('%s is refused, and %s named', async (path, field) => {
    const { get } = await withChat();
    const response = await get(path);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', field });
  });

  test('that cannot be told are a conflict, with the reason', async () => {
    const { chats, get } = await withChat();
    chats.changes.list = () =>
      Promise.reject(new BooError('changes_unavailable', '/r is bare.', { details: { reason: 'bare_repository' } }));
    const response = await get('');
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'changes_unavailable', reason: 'bare_repository' });
  });
});

test('CHANGE-22: a watch that cannot begin leaves no timer', async () => {
  const clock = new ManualClock();
  const grant = { principal: { id: 'owner', name: 'owner', role: 'owner' }, by: 'server' };
  const { chats, id } = await withChat();
  chats.changes.watch = () => Promise.reject(new BooError('changes_unavailable', '/r is bare.'));
  const watch = changeRoutes(chats, { keepAliveMs: 1_000, clock }).find((each) => each.id === 'watchChanges')!;
  const request = new Request(`http://x/v1/chats/${id}/changes/watch`);
  const incoming = { request, pathParams: { chatId: id }, clock, env: {}, grant } as unknown as Parameters<
    Route['answer']
  >[0];
  await expect(watch.answer(incoming)).rejects.toThrow('bare');
  expect(clock.pending).toBe(0);
});

describe('CHANGE-14: changes by people over HTTP', () => {
  const tree = '0'.repeat(40);

  test.each([
    ['/stage', { paths: [] }, 'paths'],
    ['/stage', { paths: [{}] }, 'paths[0].path'],
    ['/stage', { paths: [{ path: 'a\u0000' }] }, 'paths[0].path'],
    ['/unstage', { paths: [{ path: 'a', glob: true }] }, 'paths[0].glob'],
    ['/discard', { path: 'a' }, 'tree'],
    ['/discard', { tree }, 'path'],
    ['/discard', { path: 'a', tree: '--all' }, 'tree'],
    ['/discard', { path: 'a', tree, hunks: [0] }, 'base'],
    ['/discard', { path: 'a', tree, base: null, hunks: [] }, 'hunks'],
    ['/undo', { undo: '../x' }, 'undo'],
    ['/commit', { message: '  ' }, 'message'],
    ['/commit', { message: 'x', paths: [{ path: 'a' }], all: true }, 'all'],
    ['/commit', { message: 'x', during: 'lunch' }, 'during'],
  ])('%s with %j is refused, and %s named', async (path, body, field) => {
    const { post } = await withChat();
    const response = await post(path, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', field });
  });

  test('that are refused are a conflict, with the reason', async () => {
    const { chats, post } = await withChat();
    chats.changes.commit = () =>
      Promise.reject(
        new BooError('change_refused', 'No.', { details: { reason: 'in_progress', operation: 'rebase' } }),
      );
    const response = await post('/commit', { message: 'x' });
    expect(response.status).toBe(409);
    const told = { code: 'change_refused', reason: 'in_progress', operation: 'rebase' };
    expect(await response.json()).toMatchObject(told);
  });
});
