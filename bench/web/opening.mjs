/** From opening a chat to a usable page: its last message is visible, and a key appears in the prompt field. */
import { addressOf, openPage, promptField } from './browser.mjs';
import { lastWords, shortWords } from './long-chat.mjs';

/** The page is loaded at the chat's address, with an empty cache. */
export async function openCold(browser, server, chatId) {
  const opened = await openPage(browser, server);
  await opened.page.goto(addressOf(server, chatId), { waitUntil: 'commit' });
  // The page's clock starts with its loading.
  const times = await untilUsable(opened.page, 0);
  const rows = await opened.page.locator('.row').count();
  await opened.close();
  return { ...times, rows };
}

/** The chat is clicked in the list while the app shows another one. Returns this many samples. */
export async function openByClick(browser, server, { longId, shortId }, count) {
  const opened = await openPage(browser, server);
  const { page } = opened;
  await page.goto(addressOf(server, shortId));
  const samples = [];
  for (let turn = 0; turn < count; turn += 1) {
    await page.evaluate((words) => bench.chatDrawn(words), shortWords);
    await page.locator(`a[href="#/chat/${longId}"]`).click();
    samples.push(await untilUsable(page, await page.evaluate(() => bench.clickedAt())));
    await promptField(page).fill('');
    await page.locator(`a[href="#/chat/${shortId}"]`).click();
  }
  await opened.close();
  return samples;
}

async function untilUsable(page, startedAt) {
  const drawnAt = await page.evaluate((words) => bench.chatDrawn(words), lastWords);
  const press = async () => {
    await promptField(page).focus();
    await page.keyboard.press('k');
  };
  const [shownAt] = await Promise.all([page.evaluate(() => bench.keyDrawn('k')), press()]);
  return { drawnMs: drawnAt - startedAt, usableMs: shownAt - startedAt };
}
