import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { conversation, openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

describeInBrowser('a chat in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    await signIn(watched.page, server.running.signInLink());
  });
  afterEach(async () => {
    await watched.context.close();
  });

  it('is started in a directory that is completed while typing', async () => {
    const { page } = watched;
    await mkdir(join(server.workDir, 'garden'));
    await page.getByRole('button', { name: 'New chat' }).first().click();
    await page.getByLabel('Directory on the server').fill(`${server.workDir}/gar`);
    await page.getByRole('option', { name: 'garden' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByLabel('Directory on the server').inputValue()).toBe(`${server.workDir}/garden/`);
    await page.getByLabel('Permission mode').selectOption('acceptEdits');
    await page.getByRole('button', { name: 'Start' }).click();
    await say(page, 'who are you');
    await turnsEnded(page, 1);
    const { items } = await server.client.listChats();
    expect(items[0]).toMatchObject({ cwd: join(server.workDir, 'garden'), permissionMode: 'acceptEdits' });
    await page.getByRole('link', { name: /who are you/ }).waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('WEB-22: streams an answer, and shows it once, even after a reload in the middle', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    await say(page, 'hold');
    await conversation(page).getByText('I hold here.').waitFor();
    expect(await conversation(page).getByText('Now I go on.').count()).toBe(0);
    await page.reload();
    await conversation(page).getByText('I hold here.').waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).waitFor();
    server.model.release();
    await turnsEnded(page, 1);
    await conversation(page).getByText('I hold here. Now I go on.', { exact: true }).waitFor();
    await page.reload();
    await turnsEnded(page, 1);
    expect(await page.getByRole('article', { name: 'You', exact: true }).allInnerTexts()).toEqual(['hold']);
    expect(await page.getByRole('article', { name: 'Claude', exact: true }).allInnerTexts()).toEqual([
      'I hold here. Now I go on.',
    ]);
    expect(await page.locator('.turn-line p').innerText()).toMatch(/^Done .* s · \$\S+ · .* tokens in, \d+ out$/);
    expect(watched.problems).toEqual([]);
  });

  it('TURN-3: can be interrupted', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    await say(page, 'hold');
    await conversation(page).getByText('I hold here.').waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).click();
    await page.locator('.turn-interrupted').waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });
    expect(watched.problems).toEqual([]);
  });

  it('shows queued prompts, moves them, and cancels them', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    await say(page, 'hold');
    await conversation(page).getByText('I hold here.').waitFor();
    const queue = page.getByRole('region', { name: 'Queued prompts' });
    for (const [index, text] of ['first', 'second', 'third'].entries()) {
      await say(page, text);
      await expect.poll(() => queue.getByRole('listitem').count()).toBe(index + 1);
    }
    await page.getByRole('button', { name: 'Move up: third' }).click();
    await expect
      .poll(() => queue.getByRole('listitem').allInnerTexts())
      .toEqual(['Next first', 'Then third', 'Then second']);
    await page.reload();
    await page.getByRole('button', { name: 'Cancel: first' }).click();
    await expect.poll(() => queue.getByRole('listitem').allInnerTexts()).toEqual(['Next third', 'Then second']);
    // All turns are in the document at once.
    await page.setViewportSize({ width: 1280, height: 2000 });
    server.model.release();
    await turnsEnded(page, 3);
    expect(await page.getByRole('article', { name: 'You', exact: true }).allInnerTexts()).toEqual([
      'hold',
      'third',
      'second',
    ]);
    expect(await queue.count()).toBe(0);
    expect(watched.problems).toEqual([]);
  });

  it('writes several lines with Shift+Enter, and sends a pasted image', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    const field = page.getByLabel('Prompt', { exact: true });
    await field.fill('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    await field.evaluate((element) => {
      const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
      const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([bytes], 'dot.png', { type: 'image/png' }));
      element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    });
    await page.getByAltText('Image 1').waitFor();
    await page.keyboard.press('Enter');
    await conversation(page).getByText('I got one image.').waitFor();
    expect(await page.getByRole('article', { name: 'You', exact: true }).innerText()).toBe('one\ntwo');
    expect(
      await page.getByAltText('An image in this chat').evaluate((image: HTMLImageElement) => image.naturalWidth),
    ).toBe(1);
    expect(watched.problems).toEqual([]);
  });

  it('WEB-21: is the same in two browsers, and so is the chat list', async () => {
    const { page } = watched;
    const chat = await server.createChat({ title: 'Shared' });
    const other = await openPage(browser);
    await signIn(other.page, server.running.signInLink());
    await Promise.all([openChat(page, server.url, chat.id), openChat(other.page, server.url, chat.id)]);
    await say(page, 'stream 300 tokens at 300 per second');
    await other.page.getByRole('link', { name: /Shared.*working/ }).waitFor();
    await Promise.all([turnsEnded(page, 1), turnsEnded(other.page, 1)]);
    const told = await page.getByRole('article', { name: 'Claude', exact: true }).allInnerTexts();
    expect(told).toEqual([Array.from({ length: 300 }, (_, index) => `t${index + 1}`).join(' ')]);
    expect(await other.page.getByRole('article', { name: 'Claude', exact: true }).allInnerTexts()).toEqual(told);

    await page.getByRole('button', { name: 'More for this chat' }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Title' }).fill('Renamed');
    await page.keyboard.press('Enter');
    await other.page.getByRole('heading', { name: 'Renamed' }).waitFor();
    expect(other.problems).toEqual([]);
    await other.context.close();
    expect(watched.problems).toEqual([]);
  });

  it('can be found by its content, archived and deleted, with undo', async () => {
    const { page } = watched;
    const chat = await server.createChat({ title: 'Needle' });
    await runTurn(server.client, chat.id, 'haystack 4711');
    const list = page.getByRole('list', { name: 'Chats' });
    await page.getByRole('searchbox').fill('haystack 4711');
    await expect.poll(() => list.getByRole('listitem').count()).toBe(1);
    await list.getByRole('link', { name: /Needle/ }).waitFor();
    await page.getByRole('searchbox').fill('');

    await page.getByRole('button', { name: 'More for Needle' }).click();
    await page.getByRole('menuitem', { name: 'Archive' }).click();
    await list.getByRole('link', { name: /Needle/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await list.getByRole('link', { name: /Needle/ }).waitFor();

    await page.getByRole('button', { name: 'More for Needle' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await list.getByRole('link', { name: /Needle/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await list.getByRole('link', { name: /Needle/ }).waitFor();
    expect((await server.client.getChat(chat.id)).archived).toBe(false);

    await page.getByRole('button', { name: 'More for Needle' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await until(async () => (await server.call('GET', `/v1/chats/${chat.id}`)).status === 404, { timeoutMs: 60_000 });
    expect(watched.problems).toEqual([]);
  });

  it('WEB-23: keeps its position while the user reads further up, and otherwise follows the end', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    for (let turn = 0; turn < 12; turn += 1) await runTurn(server.client, chat.id, 'anything');
    await openChat(page, server.url, chat.id);
    const view = conversation(page);
    const rest = () => view.evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop);
    await expect.poll(rest).toBeLessThan(3);
    await say(page, 'stream 400 tokens at 400 per second');
    await page.getByRole('button', { name: 'Interrupt' }).waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });
    await expect.poll(rest).toBeLessThan(3);

    await view.hover();
    await page.mouse.wheel(0, -900);
    await page.getByRole('button', { name: 'Latest' }).waitFor();
    const place = () => view.evaluate((element) => element.scrollTop);
    let before = -1;
    await until(async () => before === (before = await place()), { what: 'the end of the scrolling' });
    await say(page, 'stream 400 tokens at 400 per second');
    await page.getByRole('button', { name: 'Interrupt' }).waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });
    expect(Math.abs((await place()) - before)).toBeLessThan(3);
    await page.getByRole('button', { name: 'Latest' }).click();
    await expect.poll(rest).toBeLessThan(3);
    expect(watched.problems).toEqual([]);
  });

  it('fits a phone', async () => {
    const phone = await openPage(browser, { size: { width: 360, height: 740 } });
    const { page } = phone;
    const chat = await server.createChat({ title: 'On the phone '.repeat(10).trim() });
    await signIn(page, server.running.signInLink());
    const isTooWide = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    await page.getByRole('link', { name: /On the phone/ }).click();
    await say(page, `run: echo ${'x'.repeat(300)}`);
    await turnsEnded(page, 1);
    expect(await isTooWide()).toBe(false);
    expect(await page.getByRole('navigation', { name: 'Chats' }).isVisible()).toBe(false);
    await page.getByRole('link', { name: 'Back to chats' }).click();
    await page.getByRole('link', { name: /On the phone.*warm/ }).waitFor();
    expect(await isTooWide()).toBe(false);
    await server.client.deleteChat(chat.id);
    expect(phone.problems).toEqual([]);
    await phone.context.close();
    expect(watched.problems).toEqual([]);
  });
});
