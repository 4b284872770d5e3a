import type { Browser } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { canPress, conversation, openChat, openPage, say, signIn, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { pngOf } from '../support/images.ts';
import { runTurn } from '../support/turns.ts';

describeInBrowser('the composer', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let chatId: string;
  beforeAll(async () => {
    ({ server, browser } = opened());
    ({ id: chatId } = await server.createChat());
    await runTurn(server.client, chatId, 'anything');
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    await signIn(watched.page, server.running.signInLink());
    await openChat(watched.page, server.url, chatId);
  });
  afterEach(async () => {
    await watched.context.close();
  });
  const field = () => watched.page.getByLabel('Prompt', { exact: true });
  const focused = () => watched.page.evaluate(() => document.activeElement?.getAttribute('aria-label'));

  it('completes the agent’s commands', async () => {
    const { page } = watched;
    await field().pressSequentially('/comp');
    const list = page.getByRole('listbox', { name: 'Agent commands' });
    await list.getByRole('option', { name: '/compact' }).waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(() => field().inputValue()).toBe('/compact ');
    await list.waitFor({ state: 'hidden' });
    await field().fill('/');
    await list.waitFor();
    await page.keyboard.press('Escape');
    await list.waitFor({ state: 'hidden' });
    await field().fill('a /comp');
    expect(await list.isVisible()).toBe(false);
    expect(watched.problems).toEqual([]);
  });

  it('accepts images that are dropped anywhere on the page', async () => {
    const { page } = watched;
    await conversation(page).evaluate(
      (element, png) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(png)], 'a.png', { type: 'image/png' }));
        dataTransfer.items.add(new File([Uint8Array.from(png.slice(0, 40))], 'cut.png', { type: 'image/png' }));
        dataTransfer.items.add(new File(['x'], 'a.txt', { type: 'text/plain' }));
        dataTransfer.items.add(new File(['only text'], 'b.png', { type: 'image/png' }));
        for (const type of ['dragover', 'drop'])
          element.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      },
      [...pngOf()],
    );
    await page.getByAltText('Image 1').waitFor();
    await page.getByText('a.txt: only PNG, JPEG, GIF and WebP images can be sent.').waitFor();
    await page.getByText('b.png: is not the image that its name says.').waitFor();
    await page.getByText('cut.png: is damaged, or breaks off.').waitFor();
    await page.getByRole('button', { name: 'Dismiss' }).last().click();
    await page.getByRole('button', { name: 'Dismiss' }).last().click();
    await page.getByRole('button', { name: 'Remove image 1' }).click();
    await page.getByAltText('Image 1').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.getByText('a.txt: only').waitFor({ state: 'detached' });
    expect(watched.problems).toEqual([]);
  });

  it('starts with the focus in the field, and regains it after a decision and a dialog', async () => {
    const { page } = watched;
    await expect.poll(focused).toBe('Prompt');
    await page.keyboard.type('run: touch focus.txt');
    await page.keyboard.press('Enter');
    const allow = page.getByRole('button', { name: 'Allow once' });
    await canPress(allow);
    await allow.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });
    await expect.poll(focused).toBe('Prompt');
    await page.getByRole('button', { name: /^Model:/ }).click();
    const model = page.getByRole('combobox', { name: 'Model' });
    await expect.poll(() => model.evaluate((element) => element === document.activeElement)).toBe(true);
    const offered = await model.evaluate((input: HTMLInputElement) =>
      [...(input.list?.options ?? [])].map(({ value }) => value),
    );
    expect(offered).toEqual(expect.arrayContaining(['opus', 'sonnet', 'haiku']));
    await model.fill('haiku');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Model: haiku' }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toContain('model-button');
    expect((await server.client.getChat(chatId)).model).toBe('haiku');
    await page.getByRole('button', { name: 'Model, engine and trust' }).click();
    await page.getByLabel('Effort').selectOption('High');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Effort: high').waitFor();
    expect((await server.client.getChat(chatId)).effort).toBe('high');
    expect(watched.problems).toEqual([]);
  });

  it('TURN-3: interrupts the turn on Escape, and keeps the draft', async () => {
    const { page } = watched;
    await say(page, 'hold');
    await conversation(page).getByText('I hold here.').last().waitFor();
    await field().fill('kept');
    await page.keyboard.press('Escape');
    await page.locator('.turn-interrupted').last().waitFor();
    expect(await field().inputValue()).toBe('kept');
    expect(watched.problems).toEqual([]);
  });

  it('has shortcuts for search, a new chat and the inbox', async () => {
    const { page } = watched;
    await page.keyboard.press('Control+k');
    await expect.poll(focused).toBe('Search chats by title and content');
    await page.keyboard.press('Control+Shift+O');
    await page.getByRole('dialog', { name: 'New chat' }).waitFor();
    await page.keyboard.press('Control+i');
    expect(await page.getByRole('heading', { name: 'Inbox' }).count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+i');
    await page.getByRole('heading', { name: 'Inbox' }).waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('starts a new line with Enter on a touchscreen, and grows with its text, up to a limit', async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true });
    const page = await context.newPage();
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, chatId);
    const prompt = page.getByLabel('Prompt', { exact: true });
    const height = () => prompt.evaluate((element) => element.clientHeight);
    const low = await height();
    await prompt.fill('one');
    await page.keyboard.press('Enter');
    await page.keyboard.type('two');
    expect(await prompt.inputValue()).toBe('one\ntwo');
    const two = await height();
    expect(two).toBeGreaterThan(low);
    await prompt.fill('line\n'.repeat(100));
    await expect.poll(height).toBeGreaterThan(two);
    expect(await height()).toBeLessThan(400);
    await prompt.fill('by touch');
    await page.getByRole('button', { name: 'Send' }).tap();
    await page.getByRole('article', { name: 'You', exact: true }).filter({ hasText: 'by touch' }).waitFor();
    await context.close();
    expect(watched.problems).toEqual([]);
  });

  it('copies answers and code', async () => {
    const { page, context } = watched;
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await say(page, 'run: printf "A\\n\\n    code\\n"');
    await conversation(page).getByText('It printed:').last().waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });
    const read = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole('button', { name: 'Copy this answer' }).last().focus();
    await page.keyboard.press('Enter');
    await expect.poll(read).toBe('It printed:\n\nA\n\n    code');
    await page.getByRole('button', { name: 'Copy this code' }).last().click();
    await expect.poll(async () => (await read()).trim()).toBe('code');
    // Without the Clipboard API, as on a page without TLS, the fallback copies.
    await page.evaluate(() => {
      Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined, configurable: true });
      delete (Navigator.prototype as { clipboard?: unknown }).clipboard;
    });
    await page
      .getByRole('button', { name: /Cop(y|ied) this answer/ })
      .last()
      .click();
    await field().fill('');
    await field().focus();
    await page.keyboard.press('Control+v');
    await expect.poll(() => field().inputValue()).toBe('It printed:\n\nA\n\n    code');
    expect(watched.problems).toEqual([]);
  });

  it('reports a part of the page that is missing after an upgrade, and keeps working', async () => {
    const { page } = watched;
    const terminal = await server.createChat({ backend: 'claude_pty' });
    await page.route('**/assets/terminal-panel-*.js', (route) => route.fulfill({ status: 404, body: '' }));
    await openChat(page, server.url, terminal.id);
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    await page.getByText(/^Part of this page could not be loaded/).waitFor();
    await page.getByRole('button', { name: 'Reload the page' }).waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await field().waitFor();
    // React logs the error to the console; nothing else went wrong.
    expect(watched.problems.filter((problem) => !problem.startsWith('console:'))).toEqual([]);
  });
});
