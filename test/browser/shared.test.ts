// A chat by a link, and the dialog that makes one, with a whole server.
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

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
});
