import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openChat, openPage, say, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

describeInBrowser('a chat that is too long for its model', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it('WEB-50: says so, and one click rewinds to before the prompt that was too long', async () => {
    const { id } = await server.createChat();
    await runTurn(server.client, id, 'stream 3 tokens');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await say(page, 'exceed the context');
    const way = page.getByRole('region', { name: 'Too long for the model' });
    await way.getByRole('button', { name: 'Rewind' }).click();
    await page.getByText('The last prompt was rewound').waitFor();
    await way.waitFor({ state: 'hidden' });
    await say(page, 'what did I say');
    await page.getByText('You said: "stream 3 tokens".').waitFor();
    expect(await way.isVisible()).toBe(false);
    expect(problems).toEqual([]);
    await context.close();
  });
});
