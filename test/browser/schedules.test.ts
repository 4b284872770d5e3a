import type { Browser, Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

const sizes = [
  ['at a desk', { width: 1200, height: 900 }],
  ['on a phone', { width: 390, height: 800 }],
] as const;

describeInBrowser('schedules', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  async function openMenu(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'More for this chat' }).click();
    await page.getByRole('menuitem', { name: 'Schedules' }).click();
  }
  const isNarrow = (page: Page) =>
    page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

  it.each(sizes)('WEB-112 WEB-114 WEB-115 WEB-117: are made, paused and removed in a chat, %s', async (_, size) => {
    const { id } = await server.createChat({ title: 'Planned' });
    const { page, context, problems } = await openPage(browser, { size });
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await openMenu(page);
    const dialog = page.getByRole('dialog', { name: 'Schedules' });
    const prompt = dialog.getByLabel('Prompt');
    await prompt.waitFor();
    // It has the focus.
    await page.keyboard.type('What has changed?');
    expect(await prompt.inputValue()).toBe('What has changed?');
    await dialog.getByLabel('When').selectOption('By a cron pattern');
    await dialog.getByRole('textbox', { name: 'Pattern' }).fill('0 9 31 2 *');
    await dialog.getByRole('button', { name: 'Schedule', exact: true }).click();
    await dialog.locator('.problem').waitFor();
    expect(await prompt.inputValue()).toBe('What has changed?');
    await dialog.getByLabel('When').selectOption('Monday to Friday');
    await dialog.getByLabel('Time', { exact: true }).fill('07:30');
    await dialog.getByLabel('Time zone').fill('Asia/Tokyo');
    await page.keyboard.press('Enter');
    const entry = dialog.getByRole('listitem', { name: 'What has changed?' });
    await entry.getByText(/Monday to Friday at 07:30, Asia\/Tokyo time \(there: .*07:30.*\)/).waitFor();
    await entry.getByText('made by owner').waitFor();
    expect(await server.client.listChatSchedules(id)).toMatchObject({
      items: [{ cron: '30 7 * * 1-5', timeZone: 'Asia/Tokyo', missed: 'run', content: 'What has changed?' }],
    });
    expect(await prompt.inputValue()).toBe('');
    expect(await findings(page)).toEqual([]);
    expect(await isNarrow(page)).toBe(true);

    await entry.getByRole('button', { name: 'Pause: What has changed?' }).click();
    await entry.getByText('Paused').waitFor();
    await entry.getByRole('button', { name: 'Resume: What has changed?' }).click();
    await entry.getByRole('button', { name: 'Pause: What has changed?' }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });

    const mark = page.getByRole('button', { name: /^1 schedule, next / });
    await mark.waitFor();
    await page.getByText(/A prompt is scheduled for 30 7 \* \* 1-5 \(Asia\/Tokyo\)/).waitFor();
    await mark.focus();
    await page.keyboard.press('Enter');
    await entry.getByRole('button', { name: 'Remove: What has changed?' }).click();
    await entry.getByRole('button', { name: 'Keep' }).click();
    await entry.getByRole('button', { name: 'Remove: What has changed?' }).click();
    await entry.getByRole('button', { name: 'Remove for good: What has changed?' }).click();
    await entry.waitFor({ state: 'detached' });
    expect((await server.client.listChatSchedules(id)).items).toEqual([]);
    await page.keyboard.press('Escape');
    await mark.waitFor({ state: 'hidden' });
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-115: a prompt for one time is sent then, and the conversation says where it comes from', async () => {
    const { id } = await server.createChat({ title: 'Later' });
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await openMenu(page);
    const dialog = page.getByRole('dialog', { name: 'Schedules' });
    await dialog.getByLabel('Prompt').fill('who are you');
    await dialog.getByLabel('If no server runs at the time').uncheck();
    await dialog.getByRole('button', { name: 'Schedule', exact: true }).click();
    await dialog.getByText(/^Once.*skipped\.$/).waitFor();
    const { items } = await server.client.listChatSchedules(id);
    expect(items).toMatchObject([{ content: 'who are you', missed: 'skip' }]);
    expect(new Date(items[0]!.at!).getHours()).toBe(9);
    await page.keyboard.press('Escape');
    const at = new Date(Date.now() + 1_500).toISOString();
    await server.client.createSchedule(id, { at, content: 'think' });
    await page.getByText(/Scheduled by owner for \d{4}-/).waitFor({ timeout: 30_000 });
    await page.getByRole('article', { name: 'You' }).getByText('think').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it.each(sizes)('WEB-116 WEB-117: of all chats have a page, %s', async (_, size) => {
    const { id } = await server.createChat({ title: `Chat ${size.width}` });
    const words = `Say ${size.width}`;
    await server.client.createSchedule(id, { cron: '*/7 * * * *', timeZone: 'Europe/Berlin', content: words });
    const { page, context, problems } = await openPage(browser, { size });
    await signIn(page, server.running.signInLink());
    await page.goto(`${server.url}/#/schedules`);
    const entry = page.getByRole('listitem', { name: words });
    await entry.getByText(/By the pattern \*\/7 \* \* \* \*, Europe\/Berlin time/).waitFor();
    expect(await findings(page)).toEqual([]);
    expect(await isNarrow(page)).toBe(true);
    // Somebody else removes it.
    await server.client.deleteSchedule(id, (await server.client.listChatSchedules(id)).items[0]!.id);
    await entry.getByRole('button', { name: `Pause: ${words}` }).click();
    await entry.waitFor({ state: 'detached' });
    await server.client.createSchedule(id, { cron: '0 9 * * *', timeZone: 'UTC', content: 'Again' });
    await page.getByRole('button', { name: 'Read again' }).click();
    await page
      .getByRole('link', { name: `Chat ${size.width}` })
      .first()
      .click();
    await page.getByRole('heading', { name: `Chat ${size.width}` }).waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });
});
