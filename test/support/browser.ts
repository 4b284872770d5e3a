import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser that tests run in: that of CHROMIUM_PATH, or the first that is on the PATH. */
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

/** For `describe.skipIf(!hasBrowser(…))`: without one a suite is passed over, and says how to get one. */
export function hasBrowser(suite: string): boolean {
  if (chromiumPath !== undefined) return true;
  process.stderr.write(
    `${suite} is passed over, for there is no Chromium. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.\n`,
  );
  return false;
}

export async function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('There is no Chromium here.');
  // Root may not use the browser's own sandbox; the pages are our own.
  return chromium.launch({ executablePath: chromiumPath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** A page that keeps what should never happen: errors of scripts, and breaches of the policy. */
export interface WatchedPage {
  page: Page;
  context: BrowserContext;
  problems: string[];
}

export async function openPage(
  browser: Browser,
  options: { size?: { width: number; height: number }; colorScheme?: 'light' | 'dark' } = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: options.size ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? 'light',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to|violates/i.test(message.text())) problems.push(`policy: ${message.text()}`);
    // A server that is away on purpose makes the browser complain of each attempt.
    else if (
      message.type() === 'error' &&
      !/ERR_CONNECTION|Failed to load resource|WebSocket connection/.test(message.text())
    ) {
      problems.push(`console: ${message.text()}`);
    }
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, context, problems };
}
