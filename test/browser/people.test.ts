// The page of people, with a whole server.
import type { Browser, Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { findings } from '../support/axe-findings.ts';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

describeInBrowser('the page of people', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  async function open(link: string, options: Parameters<typeof openPage>[1] = {}) {
    const watched = await openPage(browser, options);
    await signIn(watched.page, link);
    await watched.page.getByRole('button', { name: 'Settings' }).click();
    await watched.page.getByRole('link', { name: 'People, devices and tokens' }).click();
    await watched.page.getByText('You are').waitFor();
    return watched;
  }
  const part = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
  const row = (page: Page, name: string, text: string) =>
    part(page, name).getByRole('listitem').filter({ hasText: text });
  /** What `sure` asks for is done only after a second press. */
  const press = async (page: Page, action: string, of: string): Promise<void> => {
    await page.getByRole('button', { name: `${action} ${of}`, exact: true }).click();
    await page.getByRole('button', { name: `${action} now ${of}`, exact: true }).click();
  };

  it('WEB-121 WEB-123: an owner invites somebody, gives them another role, and removes them', async () => {
    const { page, context, problems } = await open(server.running.signInLink());
    const everybody = part(page, 'Everybody');
    await everybody.getByLabel('Name, or they choose one').fill('Ada');
    await everybody.getByRole('button', { name: 'Invite', exact: true }).click();
    const link = await everybody.getByLabel('The link of the invitation', { exact: true }).inputValue();
    await everybody.getByText('Invited as member by owner').waitFor();
    expect(await findings(page)).toEqual([]);
    await everybody.getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(link);

    const ada = await openPage(browser);
    await signIn(ada.page, link);
    await page.reload();
    await page.getByLabel('Role of Ada').selectOption('viewer');
    await until(async () =>
      (await server.client.listPeople()).some(({ name, role }) => name === 'Ada' && role === 'viewer'),
    );
    await press(page, 'Remove', 'Ada');
    await ada.page.getByText('no longer accepts this token').waitFor();
    await row(page, 'Everybody', 'Ada').waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
    for (const each of [context, ada.context]) await each.close();
  });

  it('WEB-122 WEB-124: a token is shown once, and it and a device end when they are revoked', async () => {
    const { page, context, problems } = await open(server.running.signInLink(), { size: { width: 390, height: 900 } });
    const tokens = part(page, 'Your tokens');
    await tokens.getByLabel('Name of the token').fill('build machine');
    await tokens.getByLabel('Valid for').selectOption('30 days');
    await tokens.getByRole('button', { name: 'Create a token' }).click();
    const token = await tokens.getByLabel('The token', { exact: true }).inputValue();
    const client = createClient({ url: server.url, token });
    const { token: made } = await client.me();
    expect(Math.round((Date.parse(made!.expiresAt!) - Date.now()) / 86_400_000)).toBe(30);
    expect(await findings(page)).toEqual([]);
    await tokens.getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(token);
    await press(page, 'Revoke', 'build machine');
    await tokens.getByText('You have none.').waitFor();
    await expect(client.me()).rejects.toMatchObject({ code: 'unauthorized' });

    const other = await openPage(browser);
    await signIn(other.page, server.running.signInLink());
    await page.reload();
    const devices = part(page, 'Your devices').getByRole('listitem');
    await devices.filter({ hasText: 'this browser' }).waitFor();
    const theOther = devices.filter({ hasNotText: 'this browser' }).first();
    await theOther.getByRole('button', { name: /^Sign out / }).click();
    await theOther.getByRole('button', { name: /^Sign out now/ }).click();
    await other.page.getByText('no longer accepts this token').waitFor();
    expect(problems).toEqual([]);
    for (const each of [context, other.context]) await each.close();
  });

  it('WEB-125: whoever is no owner sees what is theirs, and nobody else', async () => {
    const { url } = await server.client.createInvite({ role: 'viewer', name: 'Vic' });
    const { page, context, problems } = await open(url);
    await page.getByText('You are Vic, with the role viewer.').waitFor();
    await row(page, 'Your devices', 'this browser').waitFor();
    expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
      'Your devices',
      'Passkeys',
      'Your tokens',
    ]);
    expect(await findings(page)).toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-126: a browser that holds the server’s own token can have a session instead', async () => {
    const { page, context } = await openPage(browser);
    await page.goto(server.url);
    await page.evaluate((token) => localStorage.setItem('boocode.token', token), server.token);
    await page.goto(`${server.url}/#/people`);
    await page.reload();
    await page.getByRole('button', { name: 'Sign in as a device instead' }).click();
    await row(page, 'Your devices', 'this browser').waitFor();
    expect(await page.evaluate(() => localStorage.getItem('boocode.token'))).toMatch(/^boo_/);
    await context.close();
  });

  it('WEB-141 WEB-142: a passkey is added, signs in without a name, and is removed', async () => {
    const link = server.running.signInLink();
    const { page, context, problems } = await open(link);
    // Numbers are no name, for browsers.
    await part(page, 'Passkeys').getByText('Passkeys need a name in the address').waitFor();
    await context.close();

    const watched = await openPage(browser);
    const device = await watched.context.newCDPSession(watched.page);
    await device.send('WebAuthn.enable');
    const { authenticatorId } = await device.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    const { url } = await server.client.createInvite({ role: 'member', name: 'Pia' });
    const home = server.url.replace('127.0.0.1', 'localhost');
    await watched.page.goto(home);
    await watched.page.getByLabel('Token').waitFor();
    expect(await watched.page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0);
    await signIn(watched.page, url.replace('127.0.0.1', 'localhost'));
    await watched.page.goto(`${home}/#/people`);
    const passkeys = part(watched.page, 'Passkeys');
    const add = async (name: string): Promise<void> => {
      await passkeys.getByLabel('Name of the passkey').fill(name);
      await passkeys.getByRole('button', { name: 'Add a passkey' }).click();
    };
    await add('this laptop');
    await row(watched.page, 'Passkeys', 'this laptop').getByText('not used yet').waitFor();
    await add('once more');
    await passkeys.getByText('This device has a passkey of yours for this server already.').waitFor();
    expect(await findings(watched.page)).toEqual([]);

    await watched.page.getByRole('button', { name: 'Settings' }).click();
    await watched.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    const use = watched.page.getByRole('button', { name: 'Sign in with a passkey' });
    await use.waitFor();
    expect(await findings(watched.page)).toEqual([]);
    await device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await use.click();
    await watched.page.getByText('The browser gave no passkey').waitFor();
    await device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
    await use.click();
    await watched.page.getByRole('navigation', { name: 'Chats' }).waitFor({ state: 'attached' });

    await watched.page.goto(`${home}/#/people`);
    await watched.page.getByText('You are Pia, with the role member.').waitFor();
    await row(watched.page, 'Passkeys', 'this laptop').getByText('last used').waitFor();
    await row(watched.page, 'Your devices', 'this browser').waitFor();
    await press(watched.page, 'Remove', 'this laptop');
    await passkeys.getByText('There are none.').waitFor();
    expect([...problems, ...watched.problems]).toEqual([]);
    await watched.context.close();
  });
});
