import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { conversation, openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

/** The demo model repeats up to 2,000 characters of a file in full. */
const maxFileLength = 1800;
const files = hostileTexts.reduce<string[]>((made, text) => {
  const last = made.at(-1);
  const isFull = last === undefined || last.length + text.length > maxFileLength;
  return isFull ? [...made, `${text}\n\n`] : [...made.slice(0, -1), `${last}${text}\n\n`];
}, []);

/** Expects only the app's own elements in the page, and no requests to other servers. */
async function expectHarmless({ page, problems }: WatchedPage, fetched: readonly string[], url: string): Promise<void> {
  // Give an injected script time to run.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  const strange = await page.evaluate((base) => {
    const wrong =
      'iframe, object, embed, base, meta[http-equiv], marquee, video, audio, form[action], [onerror], [onload], a[href^="javascript:" i]';
    const own = [...document.querySelectorAll('script, link[rel=stylesheet]')].filter((element) => {
      const address = element.getAttribute('src') ?? element.getAttribute('href') ?? '';
      // What is loaded on demand has its whole address.
      return !/^\.\/assets\/[\w.-]+$/.test(address.replace(`${base}/`, './'));
    });
    return [...document.querySelectorAll(wrong), ...own].map((element) => element.outerHTML);
  }, url);
  expect(strange).toEqual([]);
  expect(fetched.filter((each) => !each.startsWith(url) && !each.startsWith('data:image/'))).toEqual([]);
  expect(problems).toEqual([]);
}

describeInBrowser('WEB-24: hostile text', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  const fetched: string[] = [];
  beforeAll(async () => {
    ({ server, browser } = opened());
    watched = await openPage(browser);
    watched.page.on('request', (request) => fetched.push(request.url()));
    await signIn(watched.page, server.running.signInLink());
  });

  it('comes in at least fifty forms', () => {
    expect(hostileTexts.length).toBeGreaterThanOrEqual(50);
  });

  it('in chat titles stays text', async () => {
    const { page } = watched;
    const titles = hostileTexts.filter((text) => !text.includes('\u0000'));
    for (const title of titles) await server.createChat({ title: title.slice(0, 200) });
    await page.reload();
    const list = page.getByRole('list', { name: 'Chats' });
    const rows = list.getByRole('listitem');
    await expect.poll(() => rows.first().getAttribute('aria-setsize')).toBe(`${titles.length}`);
    // Each row is in the document only while it is near what is visible.
    const hostile = list.getByText('<img src=x onerror=hacked()>', { exact: true });
    let isSeen = false;
    for (const place of Array.from({ length: 21 }, (_, step) => step / 20)) {
      await page.locator('.list-scroll').evaluate(async (element, part) => {
        element.scrollTo(0, part * element.scrollHeight);
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      }, place);
      isSeen ||= (await hostile.count()) === 1;
    }
    expect(isSeen).toBe(true);
    await page.locator('.list-scroll').evaluate((element) => element.scrollTo(0, 0));
    await list.locator('[aria-posinset="1"]').getByRole('link').click();
    await page.getByLabel('Prompt', { exact: true }).waitFor();
    await expectHarmless(watched, fetched, server.url);
  });

  it('in prompts, answers and tool output stays text', async () => {
    const { page } = watched;
    const chat = await server.createChat({ title: 'Talk' });
    for (const [index, text] of files.entries()) {
      await writeFile(join(server.workDir, `${index}.txt`), text);
      const turn = await runTurn(server.client, chat.id, `run: cat ${index}.txt`, {
        answer: () => ({ outcome: 'allow' }),
      });
      expect(turn.text).toContain('hacked');
    }
    await runTurn(server.client, chat.id, files.join('').replaceAll('\u0000', ''));
    await openChat(page, server.url, chat.id);
    await turnsEnded(page, 1);
    await expectHarmless(watched, fetched, server.url);
    const view = conversation(page);
    for (let step = 0; step < 200; step += 1) {
      const isAtTop = await view.evaluate((element) => {
        for (const button of element.querySelectorAll<HTMLElement>('[aria-expanded=false]')) button.click();
        element.scrollTop -= element.clientHeight / 2;
        return element.scrollTop === 0;
      });
      await expectHarmless(watched, fetched, server.url);
      if (isAtTop) break;
    }
    await view.getByText('The start of this chat').waitFor();
    // The hostile text is shown, as text.
    await view.getByText('<svg onload=hacked()>').first().waitFor();
  });

  it('in decisions stays text, and is shown byte for byte', async () => {
    const { page } = watched;
    const chat = await server.createChat({ title: 'Decide' });
    await openChat(page, server.url, chat.id);
    const command = `touch '<img src=x onerror=hacked()>' "\u202e[x](javascript:hacked())"`;
    await say(page, `run: ${command}`);
    const shown = page.getByRole('region', { name: 'command' });
    expect(await shown.innerText()).toBe(command.replace('\u202e', '⟨U+202E⟩'));
    await expectHarmless(watched, fetched, server.url);
    await page.getByRole('link', { name: /^Inbox/ }).click();
    await page.getByRole('region', { name: 'command' }).waitFor();
    await expectHarmless(watched, fetched, server.url);
    await page.getByRole('button', { name: 'Deny …' }).click();
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    await page.getByText('Nothing is waiting for you.').waitFor();
  });
});
