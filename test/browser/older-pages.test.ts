import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { conversation, openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

const length = 1_000;

describeInBrowser('older pages of a chat in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('WEB-23: are requested once if they fail, with an error, and retried on demand', async () => {
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat();
    await server.sql`
      insert into boocode.events (chat_id, seq, type, payload)
      select ${chat.id}, seq, 'agent_message', json_build_object('type', 'agent_message', 'messageId', 'm' || seq,
        'content', json_build_array(json_build_object('type', 'text', 'text', 'This is message ' || seq || '.')))
      from generate_series(1, ${length}) as seq`;
    await server.sql`update boocode.chats set next_seq = ${length + 1} where id = ${chat.id}`;
    await openChat(page, server.url, chat.id);
    await conversation(page).getByText(`This is message ${length}.`, { exact: true }).waitFor();

    let refused = 0;
    await page.route(/\/events\?/, (route) => {
      refused += 1;
      return route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: JSON.stringify({ status: 503, code: 'storage_unavailable', detail: 'The database does not answer.' }),
      });
    });
    await conversation(page).hover();
    await until(async () => {
      await page.mouse.wheel(0, -5000);
      return refused > 0;
    });
    const problem = conversation(page).getByRole('alert');
    await problem.getByText('The database does not answer.').waitFor();
    for (const by of [300, -300, -5000]) await page.mouse.wheel(0, by);
    const again = problem.getByRole('button', { name: 'Try again' });
    const firstOnes = refused;
    await again.click();
    await until(() => refused > firstOnes, { what: 'another request' });
    await problem.getByText('The database does not answer.').waitFor();
    expect([firstOnes, refused]).toEqual([1, 2]);

    await page.unroute(/\/events\?/);
    await again.click();
    await problem.waitFor({ state: 'detached' });
    await until(async () => {
      await page.mouse.wheel(0, -5000);
      return conversation(page).getByText('The start of this chat').isVisible();
    });
    expect(problems).toEqual([]);
    await context.close();
  });
});
