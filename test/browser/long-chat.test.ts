import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { conversation, openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

const length = 50_000;

describeInBrowser('a chat of 50,000 events in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('WEB-23: opens at its end with one page of the log and few rows, and loads older pages one by one', async () => {
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat();
    await server.sql`
      insert into boocode.events (chat_id, seq, type, payload)
      select ${chat.id}, seq, 'agent_message', json_build_object('type', 'agent_message', 'messageId', 'm' || seq,
        'content', json_build_array(json_build_object('type', 'text', 'text', 'This is message ' || seq || '.')))
      from generate_series(1, ${length}) as seq`;
    await server.sql`update boocode.chats set next_seq = ${length + 1} where id = ${chat.id}`;
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/events?')) asked.push(request.url());
    });
    await openChat(page, server.url, chat.id);
    await conversation(page).getByText(`This is message ${length}.`, { exact: true }).waitFor();
    expect(asked.length).toBe(1);
    expect(await page.locator('.row').count()).toBeLessThan(100);

    await conversation(page).hover();
    while (asked.length < 4) await page.mouse.wheel(0, -5000);
    await conversation(page).getByText('Loading older messages …').waitFor({ state: 'detached' });
    expect(await page.locator('.row').count()).toBeLessThan(100);
    // The rendered rows are in order, without gaps.
    const numbers = (await page.locator('.row').allInnerTexts()).map((text) =>
      Number(/message (\d+)\./.exec(text)?.[1]),
    );
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => (numbers[0] ?? 0) + index));
    expect(numbers[0]).toBeLessThan(length - 600);
    expect(problems).toEqual([]);
    await context.close();
  });
});
