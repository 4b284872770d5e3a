/** A real browser with signed-in, monitored pages. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { watchPage } from './watch-page.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** That of CHROMIUM_PATH, or the first on the PATH. */
export function findChromium() {
  const given = process.env.CHROMIUM_PATH;
  const places = (process.env.PATH ?? '').split(delimiter).filter((place) => place !== '');
  const found = (given ? [given] : names.flatMap((name) => places.map((place) => join(place, name)))).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) {
    throw new TypeError('There is no Chromium: install it (Debian: apt-get install chromium), or set CHROMIUM_PATH.');
  }
  return found;
}

export async function openBrowser(place) {
  // Root may not use the browser's own sandbox; the pages are our own.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  // The run cleans up itself: the driver's handler would end this process on a signal before that is done.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  const browser = await chromium.launch({ executablePath: findChromium(), args, ...signals });
  place.onClose(() => browser.close());
  return browser;
}

/** A page with an empty cache and the token, as if it had signed in before. */
export async function openPage(browser, server) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(60_000);
  await context.addInitScript((token) => localStorage.setItem('boocode.token', token), server.token);
  await context.addInitScript(watchPage);
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  const devtools = await context.newCDPSession(page);
  return {
    page,
    devtools,
    async close() {
      await context.close();
      if (problems.length > 0) throw new Error(`The page reported an error: ${problems[0]}`);
    },
  };
}

export const addressOf = (server, chatId) => `${server.url}/#/chat/${chatId}`;

export const promptField = (page) => page.getByLabel('Prompt', { exact: true });
