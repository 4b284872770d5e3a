import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser for tests: CHROMIUM_PATH, or the first one on the PATH. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = env['CHROMIUM_PATH'];
  const places = (env['PATH'] ?? '').split(delimiter).filter((place) => place !== '');
  const candidates = given ? [given] : names.flatMap((name) => places.map((place) => join(place, name)));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const chromiumPath = findChromium();

/** For `describe.skipIf(!hasBrowser(…))`: without a browser the suite is skipped, and says how to get one. */
export function hasBrowser(suite: string): boolean {
  if (chromiumPath !== undefined) return true;
  process.stderr.write(
    `${suite} is skipped, because there is no Chromium. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.\n`,
  );
  return false;
}

export async function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('There is no Chromium here.');
  // Root and containers cannot always use the browser's sandbox; the pages are our own.
  return chromium.launch({
    executablePath: chromiumPath,
    chromiumSandbox: false,
    // It would start another process for each page, in case that one more is opened.
    args: ['--disable-features=SpareRendererForSitePerProcess'],
  });
}

/** A page that records what should never happen: script errors, dialogs, and policy violations. */
export interface WatchedPage {
  page: Page;
  context: BrowserContext;
  problems: string[];
}

export interface PageOptions {
  size?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
  /** A touch screen, without a mouse. */
  isTouched?: boolean;
  timeZone?: string;
}

export async function openPage(browser: Browser, options: PageOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: options.size ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? 'light',
    reducedMotion: 'reduce',
    ...(options.timeZone === undefined ? {} : { timezoneId: options.timeZone }),
    ...(options.isTouched === true ? { hasTouch: true, isMobile: true } : {}),
  });
  context.setDefaultTimeout(30_000);
  const problems: string[] = [];
  await context.exposeFunction('reportProblem', (problem: string) => void problems.push(problem));
  await context.addInitScript(watchPage);
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // When a server is away, or refuses on purpose, the browser itself logs an error.
    const isExpected = /ERR_CONNECTION|Failed to load resource|WebSocket connection/.test(message.text());
    if (message.type() === 'error' && !isExpected) problems.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, context, problems };
}

/** Runs in the page before any of its scripts. */
function watchPage(): void {
  const { reportProblem } = globalThis as unknown as { reportProblem: (problem: string) => Promise<void> };
  Object.assign(globalThis, { hacked: () => reportProblem('hacked') });
  document.addEventListener('securitypolicyviolation', (event) => {
    void reportProblem(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  });
}

/** Signs in with a link, as a person does. */
export async function signIn(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.getByRole('navigation', { name: 'Chats' }).waitFor({ state: 'attached' });
}

export async function openChat(page: Page, url: string, chatId: string): Promise<void> {
  await page.goto(`${url}/#/chat/${chatId}`);
  await page.getByLabel('Prompt', { exact: true }).waitFor();
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

/** The rendered text of the conversation. */
export const conversation = (page: Page): Locator => page.getByRole('region', { name: 'Conversation' });

/** A button that answers a decision works only after it has been visible for a while. */
export async function canPress(button: Locator): Promise<void> {
  await button.and(button.page().locator('[aria-disabled=false]')).waitFor();
}

/** Waits until this many turns have ended. */
export async function turnsEnded(page: Page, count: number): Promise<void> {
  await page.waitForFunction((wanted) => document.querySelectorAll('.turn-line').length >= wanted, count);
}
