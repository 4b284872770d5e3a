import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { hasBrowser, openBrowser } from './browser.ts';
import { openServer, type ServerTestOptions, type TestServer } from './server.ts';

export interface BrowserSuite {
  server: TestServer;
  browser: Browser;
}

/**
 * Tests with their own server and browser; skipped, with a message, if there is no browser. `opened` returns both from
 * `beforeAll` on.
 */
export function describeInBrowser(
  name: string,
  tests: (opened: () => BrowserSuite) => void,
  options?: ServerTestOptions,
): void {
  describe.skipIf(!hasBrowser(name))(`${name}`, () => {
    let server: TestServer | undefined;
    let browser: Browser | undefined;
    beforeAll(async () => {
      server = await openServer(options);
      browser = await openBrowser();
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });
    tests(() => {
      if (!server || !browser) throw new Error('They are open only from beforeAll on.');
      return { server, browser };
    });
  });
}
