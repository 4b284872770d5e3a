import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

describeInBrowser('a held queue', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('PROMPT-6: is shown above the composer with its reason, and resumed there', async () => {
    const { client } = server;
    const { id } = await server.createChat();
    for (const content of ['fail 401', 'who are you', 'think']) await client.prompt(id, { content });
    await until(async () => (await client.getChat(id)).hold);
    const watched = await openPage(browser);
    const { page } = watched;
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    const banner = page.getByRole('status', { name: 'Held prompts' });
    await banner.getByText('Held: 2 prompts are waiting.').waitFor();
    expect(await banner.textContent()).toMatch(/not signed in/);
    await banner.getByText('Resuming first sends the failed prompt again.').waitFor();
    await banner.getByRole('button', { name: 'Resume without it' }).click();
    await banner.waitFor({ state: 'hidden' });
    await page.getByText('scripted demo model').first().waitFor();
    await page.getByText('The queue was resumed.').waitFor();
    expect(watched.problems).toEqual([]);
    await watched.context.close();
  });
});
