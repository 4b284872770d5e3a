// A chat by a link, and the dialog that makes one, with a whole server.
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

describeInBrowser('a shared chat', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it('WEB-127: is read by its link as it goes on, by whoever opens it, until that is revoked', async () => {
    const { id } = await server.client.createChat({ cwd: server.workDir, title: 'A chat for others' });
    await runTurn(server.client, id, 'say FIRST-WORD');
    await runTurn(server.client, id, 'run: echo TOOL-WORD', { answer: () => ({ outcome: 'allow' }) });
    const link = await server.client.createShareLink(id);
    const watched = await openPage(browser);
    const { context, problems } = watched;
    // In a browser that is signed in, the link is still only a link, also in a tab that has only another fragment then.
    await signIn(watched.page, server.running.signInLink());
    await watched.page.getByRole('navigation', { name: 'Chats' }).waitFor();
    await watched.page.goto(link.url);
    await watched.page.getByRole('heading', { name: 'A chat for others' }).waitFor();
    const page = await context.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())}`));
    await page.goto(link.url);
    await page.getByRole('heading', { name: 'A chat for others' }).waitFor();
    await page.getByText('FIRST-WORD').first().waitFor();
    expect(await findings(page)).toEqual([]);
    const secret = new URLSearchParams(new URL(link.url).hash.slice(1)).get('share')!;
    const api = asked.filter((each) => each.includes('/v1/'));
    expect(api.length).toBeGreaterThan(2);
    expect(api.every((each) => /\/v1\/shared\b/.test(each) && each.includes(`Bearer ${secret}`))).toBe(true);
    const leaks = asked.filter((each) => each.split(/[ #]/)[0]!.includes(secret) || /"referer":"[^"]/.test(each));
    expect(leaks).toEqual([]);
    for (const name of ['Chats', 'Prompt', 'Fork', 'Rewind']) expect(await page.getByLabel(name).count()).toBe(0);
    expect(await page.getByRole('textbox').count()).toBe(0);
    await runTurn(server.client, id, 'say SECOND-WORD');
    await page.getByText('SECOND-WORD').first().waitFor();
    await server.client.revokeShareLink(id, link.id);
    await page.getByText('This link shows nothing any more').waitFor();
    expect(await page.content()).not.toMatch(/FIRST-WORD|A chat for others/);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-128: the dialog shares a chat with people and everybody here, and makes, lists and revokes links', async () => {
    const { id } = await server.client.createChat({ cwd: server.workDir, title: 'To be shared' });
    await runTurn(server.client, id, 'say FIRST-WORD');
    const { id: ada } = await server.client.addPerson({ name: 'Ada', role: 'member' });
    const { page, context, problems } = await openPage(browser, { size: { width: 390, height: 900 } });
    await signIn(page, server.running.signInLink());
    await page.goto(`${server.url}/#/chat/${id}`);
    await page.getByRole('button', { name: 'More for this chat' }).click();
    await page.getByRole('menuitem', { name: 'Share' }).click();
    const dialog = page.getByRole('dialog', { name: 'Share this chat' });
    await dialog.getByLabel('Share with').fill('ada');
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await dialog.getByLabel('What Ada may do').selectOption('takes part');
    await until(async () => (await server.client.getSharing(id)).items[0]?.access === 'participant');
    await dialog.getByLabel('Everybody with an account here sees it').click();
    await until(async () => (await server.client.getSharing(id)).visibility === 'team');
    await dialog.getByLabel('Share with').fill('Nobody');
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await dialog.getByText('nobody on this server has that name').waitFor();

    await dialog.getByLabel('Shows').selectOption('what is there now');
    await dialog.getByLabel('Valid for').selectOption('30 days');
    await dialog.getByRole('button', { name: 'Make a link' }).click();
    const url = await dialog.getByLabel('The link', { exact: true }).inputValue();
    await dialog.getByText(/^Up to event/).waitFor();
    expect(await findings(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(url);
    const [link] = (await server.client.listShareLinks(id)).items;
    expect(link).toMatchObject({ until: (await server.client.getChat(id)).head, createdBy: { id: 'owner' } });
    expect(Math.round((Date.parse(link!.expiresAt) - Date.now()) / 86_400_000)).toBe(30);
    for (const [action, what] of [
      ['Revoke', 'the link'],
      ['Remove', 'Ada'],
    ]) {
      await dialog.getByRole('button', { name: new RegExp(`^${action} ${what}`) }).click();
      await dialog.getByRole('button', { name: new RegExp(`^${action} now ${what}`) }).click();
    }
    await until(async () => (await server.client.listShareLinks(id)).items.length === 0);
    await until(async () => !(await server.client.getSharing(id)).items.some(({ person }) => person.id === ada));
    expect(problems).toEqual([]);
    await context.close();
  });
});
