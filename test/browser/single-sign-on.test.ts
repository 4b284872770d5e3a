// A person signs in with the provider of their team, in a browser.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openBrowser, openPage } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { openIdentityProvider } from '../support/identity-provider.mjs';
import { openServer, type TestServer } from '../support/server.ts';

describe.skipIf(!hasBrowser('Single sign-on in a browser'))('Single sign-on in a browser', () => {
  let server: TestServer;
  let provider: Awaited<ReturnType<typeof openIdentityProvider>>;
  let browser: Browser;
  beforeAll(async () => {
    const port = await freePort();
    const redirectUri = `http://127.0.0.1:${port}/v1/single-sign-on/end`;
    provider = await openIdentityProvider({ redirectUri, port: await freePort(), isPublic: true });
    const { issuer } = provider;
    const rest = { clientId: 'boocode', clientSecretFile: null, scopes: 'openid', roleClaim: 'roles', sessionHours: 1 };
    const roleRules = [{ role: 'member', value: '*' } as const];
    server = await openServer({ config: { port, singleSignOn: { issuer, ...rest, roleRules } } });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await provider?.close();
  });

  test('OIDC-1: leads to the provider and back, and the address keeps nothing of it', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(server.url);
    await page.getByRole('link', { name: 'Sign in with 127.0.0.1' }).click();
    await page.getByPlaceholder('Enter any login').fill('ada');
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('navigation', { name: 'Chats' }).waitFor({ state: 'attached' });
    expect(page.url()).toBe(`${server.url}/`);
    expect((await server.client.listPeople()).map(({ name, role }) => `${name}: ${role}`)).toContain('ada: member');
    expect(problems).toEqual([]);
    // The provider is on the same host, and so are its cookies.
    const names = (await page.context().cookies(server.url)).map(({ name }) => name);
    expect(names.filter((name) => name.includes('boocode'))).toEqual([]);
  });
});
