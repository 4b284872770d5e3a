import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { Actor, Role } from '../protocol/principal.ts';
import { Bypass } from './bypass.ts';

const as = (role: Role): Actor => ({ principal: { id: role, name: role, role }, via: 'test' });
const mode = 'bypassPermissions';
const refused = (message: RegExp) => ({
  code: 'forbidden',
  message: expect.stringMatching(message) as string,
  details: expect.objectContaining({ field: 'permissionMode' }) as object,
});

let database: TestDatabase;
let host: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  host = await openChatsHost(database.url);
});
afterEach(() => host.close());

describe('ROOT-5: an agent that never asks needs an owner', () => {
  test('when a chat is created, imported or changed', async () => {
    const { everyones: chats, cwd } = host;
    const input = { cwd, permissionMode: mode } as const;
    const notOwner = refused(/only an owner may let an agent work without asking .* member has the role member/);
    await expect(chats.createChat(input, { actor: as('member') })).rejects.toMatchObject(notOwner);
    const sessionId = crypto.randomUUID();
    await expect(chats.beginImport({ ...input, sessionId }, as('member'))).rejects.toMatchObject(notOwner);
    const { id } = await chats.createChat({ cwd }, { actor: as('member') });
    await expect(chats.patchChat(as('member'), id, { permissionMode: mode })).rejects.toMatchObject(notOwner);
    expect((await chats.getChat(id)).permissionMode).toBe('default');
    expect((await chats.patchChat(as('owner'), id, { permissionMode: mode })).permissionMode).toBe(mode);
    expect((await chats.createChat(input, { actor: as('owner') })).permissionMode).toBe(mode);
  });

  test('and what it reaches is widened by owners only', async () => {
    const { everyones: chats, cwd } = host;
    const { id } = await chats.createChat({ cwd, permissionMode: mode }, { actor: as('owner') });
    for (const patch of [{ trusted: true }, { cwd }, { permissionMode: mode } as const]) {
      await expect(chats.patchChat(as('member'), id, patch)).rejects.toMatchObject(refused(/has the role member/));
    }
    await chats.patchChat(as('member'), id, { title: 'Another' });
    expect((await chats.patchChat(as('member'), id, { permissionMode: 'plan' })).permissionMode).toBe('plan');
  });

  test('a fork by someone else asks again', () => {
    const bypass = new Bypass();
    const parent = { permissionMode: mode, sandbox: null, title: 'It' } as const;
    expect(bypass.inherited(as('member'), parent)).toEqual({ ...parent, permissionMode: 'default' });
    expect(bypass.inherited(as('owner'), parent)).toBe(parent);
    expect(new Bypass('never').inherited(as('owner'), parent).permissionMode).toBe('default');
    const asking = { permissionMode: 'plan', sandbox: null } as const;
    expect(bypass.inherited(as('member'), asking)).toBe(asking);
  });
});

test('ROOT-6: with trust in the same request it needs a confirmation', async () => {
  const both = { permissionMode: mode, trusted: true } as const;
  const unconfirmed = { code: 'invalid_request', details: { field: 'confirmBypass' } };
  await expect(host.createChat(both)).rejects.toMatchObject(unconfirmed);
  const { id } = await host.createChat();
  for (const confirmBypass of [undefined, false]) {
    await expect(host.chats.patchChat(id, { ...both, confirmBypass })).rejects.toMatchObject(unconfirmed);
  }
  expect(await host.chats.getChat(id)).toMatchObject({ permissionMode: 'default', trusted: false });
  expect(await host.chats.patchChat(id, { ...both, confirmBypass: true })).toMatchObject(both);
  expect(await host.createChat({ ...both, confirmBypass: true })).toMatchObject(both);
});

describe('ROOT-7: the server', () => {
  test('lets nobody do it, and an agent that did asks again from its next start', async () => {
    const { id } = await host.createChat({ permissionMode: mode });
    await host.close();
    host = await openChatsHost(database.url, { bypass: new Bypass('never') });
    host.backend.script = async function* () {
      yield said('Done.');
      yield finished();
    };
    await host.chats.submitPrompt(id, { content: 'Do it.' });
    await host.events(id, 'turn_finished');
    expect(host.backend.opened[0]?.permissionMode).toBe('default');
    expect(await host.events(id, 'current_mode_update')).toMatchObject([{ permissionMode: 'default' }]);
    const notices = await host.events(id, 'notice');
    expect(notices).toMatchObject([{ code: 'bypass_refused', message: expect.stringContaining('never') as string }]);
    await expect(host.chats.patchChat(id, { permissionMode: mode })).rejects.toMatchObject(
      refused(/no agent work without asking \(--bypass-permissions never\)/),
    );
  });

  test('lets owners do it in chats with a sandbox only', () => {
    const bypass = new Bypass('sandboxed');
    type May = Parameters<Bypass['assertMay']>;
    const asked =
      (change: May[1], before: May[2] = null, rules = bypass) =>
      () =>
        rules.assertMay(as('owner'), change, before);
    expect(asked({ permissionMode: mode })).toThrow(/in a sandbox only .* set the chat’s sandbox to required/);
    expect(asked({ permissionMode: mode, sandbox: 'preferred' })).toThrow(/in a sandbox only/);
    expect(asked({ permissionMode: mode, sandbox: 'required' })).not.toThrow();
    expect(asked({ permissionMode: mode }, { permissionMode: 'plan', sandbox: 'required' })).not.toThrow();
    expect(asked({ sandbox: 'off' }, { permissionMode: mode, sandbox: 'required' })).toThrow(/in a sandbox only/);
    expect(asked({ permissionMode: mode }, null, new Bypass('sandboxed', 'required'))).not.toThrow();
  });
});
