import { readdir } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { conversation, openChat, openPage, signIn } from '../support/browser.ts';
import xterm from '@xterm/headless';
import { useCellWidths } from '../../src/protocol/cell-widths.ts';
import { until } from '../support/until.ts';
import { openBridge } from '../support/bridge.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { wideTexts } from '../support/wide-texts.ts';

describeInBrowser('the terminal next to a chat', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('TERM-7 PTY-4: opens with a ticket, shows the program, and sends what is typed to the chat', async () => {
    const { page, problems } = await openPage(browser, { size: { width: 1400, height: 800 } });
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ backend: 'claude_pty' });
    await openChat(page, server.url, chat.id);
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    const screen = page.getByRole('complementary', { name: 'Terminal' }).locator('.xterm-rows');
    await screen.getByText('Claude Code').first().waitFor({ timeout: 30_000 });
    await screen.getByText('❯').first().waitFor();
    await page.keyboard.type('what did I say');
    await screen.getByText('what did I say').first().waitFor();
    await page.keyboard.press('Enter');
    await conversation(page).getByText('You have not said anything before this.').waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Close the terminal' }).first().click();
    await expect.poll(() => page.evaluate(() => document.adoptedStyleSheets.length)).toBe(0);
    expect(problems).toEqual([]);
  });

  it('WEB-28: reconnects by itself when the server is back, even if nothing reported the outage', async () => {
    const bridge = await openBridge(Number(new URL(server.url).port));
    const { page, context, problems } = await openPage(browser, { size: { width: 1400, height: 800 } });
    await signIn(page, server.running.signInLink().replace(server.url, bridge.url));
    const chat = await server.createChat({ backend: 'claude_pty' });
    await openChat(page, bridge.url, chat.id);
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    const screen = page.getByRole('complementary', { name: 'Terminal' }).locator('.xterm-rows');
    await screen.getByText('❯').first().waitFor({ timeout: 30_000 });
    bridge.stall();
    await page.keyboard.type('into the void');
    // Browsers send this event when a frozen page wakes up.
    await page.evaluate(() => document.dispatchEvent(new Event('resume')));
    await page.getByText('Offline.').waitFor();
    await page.getByText('Offline.').waitFor({ state: 'detached' });
    await page.getByText('Connecting …').waitFor({ state: 'detached' });
    await screen.getByText('❯').first().waitFor();
    // The terminal has a connection of its own, which may be back a little later than the page's.
    await until(
      async () => {
        await page.keyboard.type('heard again ');
        return screen
          .getByText('heard again')
          .first()
          .waitFor({ timeout: 3_000 })
          .then(
            () => true,
            () => false,
          );
      },
      { timeoutMs: 20_000, what: 'what is typed' },
    );
    expect(await screen.getByText('into the void').count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
    await bridge.close();
  });

  it('WEB-47 PTY-8: takes text as text, however it arrives: none of it acts as a key', async () => {
    const { page, context, problems } = await openPage(browser, { size: { width: 1400, height: 800 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ backend: 'claude_pty' });
    await openChat(page, server.url, chat.id);
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    const panel = page.getByRole('complementary', { name: 'Terminal' });
    const screen = panel.locator('.xterm-rows');
    await screen.getByText('❯').first().waitFor({ timeout: 30_000 });
    const devtools = await context.newCDPSession(page);
    const box = (await screen.boundingBox())!;
    const place = { x: box.x + 200, y: box.y + 100 };
    const transfer = (kind: 'paste' | 'drop', text: string): Promise<void> =>
      panel.locator('.xterm-helper-textarea').evaluate(
        (element, [type, data]) => {
          const given = new DataTransfer();
          given.setData('text/plain', data!);
          const options = { bubbles: true, cancelable: true, composed: true };
          element.dispatchEvent(
            type === 'paste'
              ? new ClipboardEvent('paste', { ...options, clipboardData: given })
              : new DragEvent('drop', { ...options, dataTransfer: given }),
          );
        },
        [kind, text],
      );
    const ways: Record<string, (text: string) => Promise<unknown>> = {
      keyboard: async (text) => {
        await page.evaluate((words) => navigator.clipboard.writeText(words), text);
        await page.keyboard.press('Control+Shift+V');
      },
      menu: (text) => transfer('paste', text),
      drag: async (text) => {
        const data = { items: [{ mimeType: 'text/plain', data: text }], files: [], dragOperationsMask: 1 };
        for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
          await devtools.send('Input.dispatchDragEvent', { type, ...place, data });
        }
      },
      dictation: (text) => page.keyboard.insertText(text),
      composition: async (text) => {
        await devtools.send('Input.imeSetComposition', {
          text,
          selectionStart: text.length,
          selectionEnd: text.length,
        });
        await devtools.send('Input.insertText', { text });
      },
    };
    for (const [way, take] of Object.entries(ways)) {
      await take(`by ${way}\u001b[201~\r!touch was-run\r`);
      await screen.getByText(`by ${way}`).first().waitFor();
      await screen.getByText('!touch was-run').first().waitFor();
      // Once later input appears, anything that acted as a key would have had its effect.
      await page.keyboard.type('and more');
      await screen.getByText('and more').first().waitFor();
      // Not Ctrl-C, which ends the program when it is pressed twice.
      await expect
        .poll(async () => {
          await page.keyboard.press('Control+U');
          return screen.getByText(`by ${way}`).count();
        })
        .toBe(0);
      const { items } = await server.client.events(chat.id);
      expect({ way, types: items.map((event) => event.type) }).toEqual({ way, types: [] });
    }
    expect(await readdir(chat.cwd)).not.toContain('was-run');
    expect(problems).toEqual([]);
    await context.close();
  });

  it('TERM-11: shows every character in the same cells as the server', async () => {
    const { page, context, problems } = await openPage(browser, { size: { width: 1400, height: 800 } });
    const size = { columns: 40, rows: wideTexts.length + 1 };
    const texts = ['x'.repeat(20), ...wideTexts.map(([text]) => text)];
    const data = texts.map((text) => `${text};`).join('\r\n');
    await page.routeWebSocket(/\/terminal\?/, (socket) => socket.send(JSON.stringify({ type: 'screen', size, data })));
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ backend: 'claude_pty' });
    await openChat(page, server.url, chat.id);
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    const rows = page.getByRole('complementary', { name: 'Terminal' }).locator('.xterm-rows > div');
    await rows.getByText(';').last().waitFor();
    await expect.poll(() => rows.count()).toBe(size.rows);
    // The distance of each row's last character from the left edge.
    const places = await rows.evaluateAll((elements) =>
      elements.map((row) => {
        const nodes = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
        const range = document.createRange();
        for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
          const at = node.textContent?.lastIndexOf(';') ?? -1;
          if (at === -1) continue;
          range.setStart(node, at);
          range.setEnd(node, at + 1);
        }
        return range.getBoundingClientRect().left - row.getBoundingClientRect().left;
      }),
    );
    const cell = places[0]! / 20;
    const headless = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });
    useCellWidths(headless);
    await new Promise<void>((done) => headless.write(data, done));
    const cells = texts.map((_, row) => {
      const line = headless.buffer.active.getLine(row)!;
      return Array.from({ length: size.columns }, (__, at) => line.getCell(at)!.getChars()).lastIndexOf(';');
    });
    headless.dispose();
    expect(places.map((left, at) => [texts[at], Math.round(left / cell)])).toEqual(
      cells.map((at, row) => [texts[row], at]),
    );
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-58: is offered through the other engine if the chat has none', async () => {
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ backend: 'claude_sdk' });
    await openChat(page, server.url, chat.id);
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    await page
      .getByRole('dialog', { name: 'This chat' })
      .getByLabel(/^Terminal program \(claude_pty\)/)
      .check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await server.client.getChat(chat.id)).backend).toBe('claude_pty');
    await conversation(page).getByText('The chat now uses the terminal program (claude_pty).').waitFor();
    expect(problems).toEqual([]);
  });

  it('has the keys that a phone lacks', async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true });
    const page = await context.newPage();
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ backend: 'claude_pty' });
    await openChat(page, server.url, chat.id);
    await page.getByRole('button', { name: 'Open the terminal' }).tap();
    const screen = page.getByRole('complementary', { name: 'Terminal' }).locator('.xterm-rows');
    await screen.getByText('❯').first().waitFor({ timeout: 30_000 });
    await page.keyboard.type('a draft');
    await screen.getByText('a draft').first().waitFor();
    await page.getByRole('button', { name: 'Control and C' }).tap();
    await expect.poll(() => screen.getByText('a draft').count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await context.close();
  });
});
