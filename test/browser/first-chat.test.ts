import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

describeInBrowser('the first chat in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  const open = async (options: Parameters<typeof openPage>[1] = {}): Promise<void> => {
    watched = await openPage(browser, options);
    ({ page } = watched);
  };
  afterEach(async () => {
    const problems = watched.problems.filter((problem) => !/ 40\d/.test(problem));
    await watched.context.close();
    for (const { id } of (await server.client.listChats()).items) await server.client.deleteChat(id);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  });
  const directory = () => page.getByLabel('Directory on the server');
  const prompt = () => page.getByLabel('Prompt', { exact: true });
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  const begin = async (): Promise<void> => {
    await page.getByRole('button', { name: 'New chat' }).first().click();
    await directory().fill(server.workDir);
    await page.getByRole('button', { name: 'Start' }).click();
    await prompt().waitFor();
  };

  describe('WEB-51: the focus', () => {
    it('is in the field after “Start” and after opening a chat, even without a mouse', async () => {
      await open();
      await page.addInitScript(() => {
        const { matchMedia } = globalThis;
        const none = /\((any-)?(pointer|hover)/;
        Object.assign(globalThis, { matchMedia: (query: string) => matchMedia(none.test(query) ? 'not all' : query) });
      });
      await signIn(page, server.running.signInLink());
      const { id } = await server.createChat({ title: 'Another one' });
      await begin();
      await expect.poll(focused).toBe('Prompt');
      await page.keyboard.type(' a b');
      await expect.poll(() => prompt().inputValue()).toBe(' a b');
      await page.getByRole('link', { name: /^Another one/ }).click();
      await page.waitForURL((url) => url.hash.endsWith(id));
      await expect.poll(focused).toBe('Prompt');
      await page.keyboard.type(' c d');
      await expect.poll(() => prompt().inputValue()).toBe(' c d');
      expect(await page.getByRole('dialog').count()).toBe(0);
    });

    it('opens no keyboard on a touchscreen, and is on no button that Space would press', async () => {
      await open({ size: { width: 390, height: 844 }, isTouched: true });
      await signIn(page, server.running.signInLink());
      await begin();
      await page.keyboard.press('Space');
      expect(await page.getByRole('dialog').count()).toBe(0);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    });
  });

  it('WEB-52: shows an error of the dialog inside it', async () => {
    await open();
    await signIn(page, server.running.signInLink());
    await page.getByRole('button', { name: 'New chat' }).first().click();
    await directory().fill('/nowhere/at/all');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText('cwd: does not exist').waitFor();
    expect(await page.locator('.toast').count()).toBe(0);
    await directory().fill(server.workDir);
    await page.getByRole('button', { name: 'Start' }).click();
    await prompt().waitFor();
  });

  it('WEB-52: shows directories beyond the edge of the dialog, and says when there are more', async () => {
    await open({ size: { width: 390, height: 844 } });
    await signIn(page, server.running.signInLink());
    const many = join(server.workDir, 'many');
    for (let index = 10; index < 70; index += 1) await mkdir(join(many, `project-${index}`), { recursive: true });
    await page.getByRole('button', { name: 'New chat' }).first().click();
    await directory().fill(`${many}/`);
    await page.getByText('There are more than 50: keep typing to find the others.').waitFor({ state: 'attached' });
    const option = page.getByRole('option', { name: 'project-20' });
    expect(await option.evaluate(isInSight)).toBe(true);
  });

  it('WEB-73: starts the agent when a chat is created, opened or typed into, and not when a page is loaded again', async () => {
    await open();
    await signIn(page, server.running.signInLink());
    const stateOf = async (id: string) => (await server.client.getChat(id)).state;
    const { id: typed } = await server.createChat({ title: 'Typed into' });
    const { id: clicked } = await server.createChat({ title: 'Clicked' });
    await openChat(page, server.url, typed);
    await page.getByRole('button', { name: 'New chat' }).first().click();
    await directory().fill(server.workDir);
    await page.getByRole('button', { name: 'Start' }).click();
    await page.waitForURL((url) => !url.href.endsWith(typed));
    const created = page.url().split('/').at(-1)!;
    await until(async () => (await stateOf(created)) === 'ready');
    await page.getByRole('link', { name: /Clicked/ }).click();
    await until(async () => (await stateOf(clicked)) === 'ready');
    // The page was loaded with this chat before the others.
    expect(await stateOf(typed)).toBe('cold');
    await page.goBack();
    await page.goBack();
    await prompt().fill('w');
    await until(async () => (await stateOf(typed)) === 'ready');
    expect((await server.client.getChat(typed)).head).toBe(0);
  });

  const heldFrom = ['prompt_accepted', 'turn_started'];
  it.each(heldFrom)(
    'WEB-52: says that the agent is starting until the first turn has started, without %s',
    async (type) => {
      await open();
      // Hold back everything from this event on.
      let isHeld = false;
      await page.routeWebSocket(/\/v1\/live/, (socket) => {
        const live = socket.connectToServer();
        live.onMessage((message) => {
          isHeld ||= String(message).includes(`"${type}"`);
          if (!isHeld) socket.send(message);
        });
      });
      await signIn(page, server.running.signInLink());
      const { id } = await server.createChat();
      await openChat(page, server.url, id);
      await page.getByText('No messages yet.').waitFor();
      await say(page, 'who are you');
      await page.getByText('The agent is starting …').waitFor();
      const events = async () => (await server.client.events(id)).items;
      await until(async () => (await events()).some((event) => event.type === 'turn_finished'));
      expect(await page.getByText('No messages yet.').count()).toBe(0);
      expect(await page.getByLabel('Queued prompts').textContent()).toContain('who are you');
    },
  );

  describe('WEB-53: the decision about a change', () => {
    const phone = { width: 390, height: 844 };
    const file = Array.from({ length: 40 }, (_, line) => `line ${line}`).join('\n');
    const input = (): Record<string, string> => ({
      file_path: join(server.workDir, 'a.txt'),
      old_string: file.slice(0, 200),
      new_string: `${file.slice(0, 100)}\nmo\u200bre`,
    });

    it.each([
      ['on a phone', phone],
      ['on a desktop', undefined],
    ] as const)('shows the change once, with all buttons in view, %s', async (_where, size) => {
      await open(size ? { size } : {});
      await signIn(page, server.running.signInLink());
      const { id } = await server.createChat({ permissionMode: 'acceptEdits' });
      await openChat(page, server.url, id);
      await say(page, `write a.txt: ${file}`);
      await turnsEnded(page, 1);
      await server.client.patchChat(id, { permissionMode: 'default' });
      await say(page, 'read a.txt');
      await turnsEnded(page, 2);
      await say(page, `call Edit: ${JSON.stringify(input())}`);
      const card = page.locator('.decision');
      await card.waitFor();
      const asked = page.locator('.tool-asking');
      await asked.waitFor();
      expect(await asked.locator('.tool-body').count()).toBe(0);
      expect(await card.getByRole('region').allInnerTexts()).toHaveLength(3);
      expect(await card.getByText(/_string/).count()).toBe(0);
      const names = ['Allow once', 'Always allow', 'Edit …', 'Deny …'];
      const inSight = names.map((name) => card.getByRole('button', { name }).evaluate(isInSight));
      expect(await Promise.all(inSight)).toEqual(names.map(() => true));
      // The change is shown to the byte, including invisible characters.
      expect(await card.getByRole('region', { name: /^Change/ }).innerText()).toContain('mo⟨U+200B⟩re');
      await card.locator('.change-lines .seen-end').scrollIntoViewIfNeeded();
      await card.locator('.scope').scrollIntoViewIfNeeded();
      await card.getByRole('button', { name: 'Allow once' }).click();
      await until(() => readFileSync(join(server.workDir, 'a.txt'), 'utf8').includes('mo\u200bre'));
    });
  });
});

function isInSight(element: Element): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const isOnTop = (x: number, y: number): boolean => element.contains(document.elementFromPoint(x, y));
  return isOnTop(left + 4, top + 4) && isOnTop(right - 4, bottom - 4);
}
