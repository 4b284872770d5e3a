import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openChat, openPage, say, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

describeInBrowser('forking a chat', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it('FORK-12: from an answer, or from the chat’s menu, opens the new chat', async () => {
    const { id } = await server.createChat({ title: 'Original' });
    await runTurn(server.client, id, 'stream 3 tokens');
    await runTurn(server.client, id, 'stream 4 tokens');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Fork from here' }).first().click();
    await page.getByRole('heading', { name: 'Original (fork)' }).waitFor();
    await page.getByText('The chat was forked here').waitFor();
    expect(page.url()).not.toContain(id);
    await say(page, 'what did I say');
    await page.getByText('You said: "stream 3 tokens".').waitFor();
    expect(await findings(page)).toEqual([]);

    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'More for this chat' }).click();
    await page.getByRole('menuitem', { name: 'Fork' }).click();
    await page.getByText('The chat was forked here').waitFor();
    await say(page, 'what did I say');
    await page.getByText('You said: "stream 3 tokens", "stream 4 tokens".').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });
});
