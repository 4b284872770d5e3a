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

// Only an account with a plan learns when its limit resets.
const agentEnv = {
  CLAUDE_CODE_MAX_RETRIES: '1',
  ANTHROPIC_API_KEY: null,
  CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-demo',
};

describeInBrowser(
  'a chat at its usage limit',
  (opened) => {
    it('USAGE-20 USAGE-22: says until when it is parked, and whether it goes on by itself then', async () => {
      const { server, browser } = opened();
      const { client } = server;
      const { id } = await server.createChat();
      await client.prompt(id, { content: 'work until the usage limit for 3600 seconds' });
      await until(async () => (await client.getChat(id)).hold, { timeoutMs: 30_000 });
      const watched = await openPage(browser);
      const { page } = watched;
      await signIn(page, server.running.signInLink());
      await openChat(page, server.url, id);
      const banner = page.getByRole('status', { name: 'Usage limit' });
      await banner.getByText(/^Parked until .*\d:\d\d.*\.$/).waitFor();
      await banner.getByText('The limit stopped a turn in its middle; resuming continues it.').waitFor();
      const setting = () => client.getChat(id).then(({ resumeAtReset }) => resumeAtReset);
      const box = banner.getByLabel('Go on automatically at the reset');
      await box.click();
      await expect.poll(setting).toBe(true);
      await box.click();
      await expect.poll(setting).toBe(false);
      await banner.getByRole('button', { name: 'Resume without it' }).click();
      await banner.waitFor({ state: 'hidden' });
      expect((await client.getChat(id)).waiting).toBe(0);
      expect(watched.problems).toEqual([]);
      await watched.context.close();
    });
  },
  { agentEnv },
);
