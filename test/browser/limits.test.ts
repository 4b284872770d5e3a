import { expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

describeInBrowser(
  'limits',
  (opened) => {
    it('USAGE-23: a cold chat with a large context says what its next prompt sends again', async () => {
      const { server, browser } = opened();
      const { client } = server;
      const { id } = await server.createChat({ idleSeconds: 1 });
      await runTurn(client, id, `Remember this: ${'many words '.repeat(6_000)}`);
      const small = await server.createChat({ idleSeconds: 1 });
      await runTurn(client, small.id, 'who are you');
      for (const chatId of [id, small.id]) await until(async () => (await client.getChat(chatId)).state === 'cold');
      const { page, context, problems } = await openPage(browser);
      await signIn(page, server.running.signInLink());
      await openChat(page, server.url, id);
      const line = page.getByText(/^The next prompt sends \d\dk tokens again, about \$0\.\d\d\.$/);
      await line.waitFor();
      await openChat(page, server.url, small.id);
      await page.getByText('scripted demo model').first().waitFor();
      expect(await line.count()).toBe(0);
      expect(problems).toEqual([]);
      await context.close();
    });

    it('USAGE-25: the settings show how much of the plan is used, where the account tells it', async () => {
      const { server, browser } = opened();
      const { page, context, problems } = await openPage(browser);
      await signIn(page, server.running.signInLink());
      const dialog = page.getByRole('dialog', { name: 'Settings' });
      const section = dialog.getByRole('region', { name: 'Plan usage' });
      await page.getByRole('button', { name: 'Settings' }).click();
      await dialog.getByRole('heading', { name: 'Keys' }).waitFor();
      expect(await section.count()).toBe(0);
      await page.keyboard.press('Escape');
      const { id } = await server.createChat({ backend: 'claude_sdk' });
      await runTurn(server.client, id, 'warn about the limit');
      await until(async () => (await server.client.planUsage()).items.length > 0);
      await page.getByRole('button', { name: 'Settings' }).click();
      await section.getByRole('listitem').first().waitFor();
      expect(await section.getByRole('listitem').allTextContents()).toEqual([
        expect.stringMatching(/^5 hours\s+92 % · resets /),
        expect.stringMatching(/^7 days\s+30 % · resets /),
      ]);
      expect(await findings(page)).toEqual([]);
      expect(problems).toEqual([]);
      await context.close();
    });
  },
  { agentEnv: { ANTHROPIC_API_KEY: null, CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-demo' } },
);
