import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BooError } from '../../src/protocol/error.ts';
import { type Bridge, openBridge } from '../support/bridge.ts';
import { conversation, openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const offline = (page: Page) => page.getByText('Offline.');
const typed = (page: Page) => page.getByRole('article', { name: 'You', exact: true }).allInnerTexts();

/** Advances the page's clock until it is so. Returns the seconds that this took by that clock. */
async function secondsUntil(page: Page, isSo: () => boolean | Promise<boolean>): Promise<number> {
  for (let seconds = 0; seconds < 120; seconds += 0.25) {
    if (await isSo()) return seconds;
    await page.clock.runFor(250);
  }
  throw new Error('It has not happened within two minutes.');
}

describeInBrowser('a connection that breaks', (opened) => {
  let server: TestServer;
  let bridge: Bridge;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let chatId: string;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  beforeEach(async () => {
    bridge = await openBridge(Number(new URL(server.url).port));
    watched = await openPage(browser, { size: { width: 1280, height: 3000 } });
    ({ page } = watched);
    ({ id: chatId } = await server.createChat());
  });
  afterEach(async () => {
    await watched.context.close();
    await bridge.close();
    // After WEB-71 the server may yet have to notice that a connection to its database was cut.
    await until(() =>
      server.client.deleteChat(chatId).then(
        () => true,
        (error: unknown) => {
          if (error instanceof BooError && error.code === 'storage_unavailable') return false;
          throw error;
        },
      ),
    );
  });
  const enter = async (): Promise<void> => {
    await signIn(page, server.running.signInLink().replace(server.url, bridge.url));
    await openChat(page, bridge.url, chatId);
  };
  const tell = async (...texts: string[]): Promise<void> => {
    for (const text of texts) await runTurn(server.client, chatId, text);
  };

  it('WEB-71: says what is wrong with a server that can be reached, until it is over', async () => {
    const [row] = await server.sql<{ name: string }[]>`select current_database() as name`;
    const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
      await server.sql.unsafe(`alter database ${row!.name} set default_transaction_read_only = ${value}`);
      await server.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`;
    };
    await page.clock.install();
    await enter();
    const bar = page.getByRole('status').getByText('The server has a problem.');
    // At first it may say that the server's connections were lost.
    const said = page.locator('.connection-bar').getByText('read-only');
    await setReadOnly('on');
    try {
      await expect
        .poll(async () => {
          await page.clock.runFor(5_000);
          return said.count();
        })
        .toBe(1);
      expect(await bar.count()).toBe(1);
    } finally {
      await setReadOnly('off');
    }
    await expect
      .poll(async () => {
        await page.clock.runFor(5_000);
        return bar.count();
      })
      .toBe(0);
  });

  it('WEB-28 WEB-21: is reported, and missed events are shown once and in order', async () => {
    await tell('one');
    await enter();
    await turnsEnded(page, 1);
    bridge.isDown = true;
    bridge.cut();
    await offline(page).waitFor();
    await tell('two', 'three');
    await expect.poll(() => typed(page)).toEqual(['one']);
    bridge.isDown = false;
    await turnsEnded(page, 3);
    await offline(page).waitFor({ state: 'detached' });
    await expect.poll(() => typed(page)).toEqual(['one', 'two', 'three']);
    expect(watched.problems).toEqual([]);
  });

  it('WEB-28: a browser that is offline says so, and reconnects when it is online', async () => {
    await tell('one');
    await page.clock.install();
    await enter();
    await turnsEnded(page, 1);
    await watched.context.setOffline(true);
    await page.clock.runFor(6_000);
    await offline(page).waitFor();
    await tell('two');
    await watched.context.setOffline(false);
    await turnsEnded(page, 2);
    await offline(page).waitFor({ state: 'detached' });
    await expect.poll(() => typed(page)).toEqual(['one', 'two']);
    expect(watched.problems).toEqual([]);
  });

  it.each([
    ['a machine that slept', 20, () => page.clock.fastForward('08:00:00')],
    // Headless Chromium never freezes a page, so the test dispatches the event.
    ['a page that was frozen', 15, () => page.evaluate(() => document.dispatchEvent(new Event('resume')))],
  ])('WEB-3: %s notices a dead connection within %i seconds, and reconnects', async (_what, seconds, wake) => {
    await tell('one');
    await page.clock.install();
    await enter();
    await turnsEnded(page, 1);
    bridge.stall();
    await tell('two');
    let isReconnecting = false;
    page.on('request', (request) => (isReconnecting ||= request.url().endsWith('/v1/live/tickets')));
    await wake();
    expect(await secondsUntil(page, () => isReconnecting)).toBeLessThan(seconds);
    // The server's answers take as long as they take, while the page's clock runs on.
    await secondsUntil(page, async () => (await page.locator('.turn-line').count()) >= 2);
    await expect.poll(() => typed(page)).toEqual(['one', 'two']);
    expect(watched.problems).toEqual([]);
  });

  /** The page has seen three turns, and the server is down. Returns the seq of the end of the first turn. */
  async function seeThreeTurns(): Promise<number> {
    await tell('one', 'two', 'three');
    await enter();
    await turnsEnded(page, 3);
    await server.running.close();
    await offline(page).waitFor();
    const [{ seq } = { seq: 0 }] = await server.sql<{ seq: number }[]>`
      select seq::int from boocode.events where chat_id = ${chatId} and type = 'turn_finished' order by seq limit 1`;
    return seq;
  }

  it('WEB-72: a log that was replaced by another one of the same length is shown, and not a mix; what is unsent survives', async () => {
    const seq = await seeThreeTurns();
    // As after a recovery to the end of the first turn, in which other prompts were sent then.
    const { sql } = server;
    await sql`update boocode.events set at = at + interval '1 minute',
      payload = replace(replace(payload::text, 'two', 'another two'), 'three', 'another three')::json
      where chat_id = ${chatId} and seq > ${seq}`;
    await say(page, 'four');
    await page.getByText('Not sent yet').waitFor();
    await page.getByLabel('Prompt', { exact: true }).fill('a draft');
    await server.restart();
    bridge.port = Number(new URL(server.url).port);
    await page.getByText('its history was replaced').waitFor();
    await turnsEnded(page, 4);
    await expect.poll(() => typed(page)).toEqual(['one', 'another two', 'another three', 'four']);
    expect(await page.getByLabel('Prompt', { exact: true }).inputValue()).toBe('a draft');
    await page.getByLabel('Prompt', { exact: true }).fill('');
    expect(watched.problems.filter((problem) => !/WebSocket|Failed to load/.test(problem))).toEqual([]);
  });

  it('WEB-42: a replaced log is reported and reloaded', async () => {
    const seq = await seeThreeTurns();
    // As after restoring a backup that is older than what the page has seen.
    const { sql } = server;
    await sql`delete from boocode.events where chat_id = ${chatId} and seq > ${seq}`;
    await sql`update boocode.chats set next_seq = ${seq + 1} where id = ${chatId}`;
    await server.restart();
    bridge.port = Number(new URL(server.url).port);
    await page.getByText('The server’s log has changed').waitFor();
    await turnsEnded(page, 1);
    await expect.poll(() => typed(page)).toEqual(['one']);
    await say(page, 'four');
    await turnsEnded(page, 2);
    await expect.poll(() => typed(page)).toEqual(['one', 'four']);
    await page.reload();
    await turnsEnded(page, 2);
    await expect.poll(() => typed(page)).toEqual(['one', 'four']);
    expect(watched.problems).toEqual([]);
  });

  it('WEB-42: a page that stops reading is disconnected, and continues where it was', async () => {
    const frames: string[] = [];
    let sockets = 0;
    page.on('websocket', (socket) => {
      sockets += 1;
      socket.on('framereceived', ({ payload }) => frames.push(payload.slice(0, 20).toString()));
    });
    await enter();
    await say(page, 'hold');
    await conversation(page).getByText('I hold here.').waitFor();
    const cut = (): boolean => frames.some((frame) => frame.startsWith('{"type":"ended"'));
    bridge.hold();
    const texts = Array.from({ length: 16 }, (_, index) => `${index} ${'x'.repeat(2_000_000)}`);
    for (const content of texts) await server.client.prompt(chatId, { content });
    expect(cut()).toBe(false);
    bridge.release();
    const queue = page.getByRole('region', { name: 'Queued prompts' });
    await expect.poll(() => queue.getByRole('listitem').count(), { timeout: 40_000 }).toBe(texts.length);
    const numbers = (await queue.getByRole('listitem').allInnerTexts()).map((each) => /\d+/.exec(each)?.[0]);
    expect(numbers).toEqual(texts.map((_, index) => String(index)));
    // On a slow machine the page itself may have given the connection up before.
    expect(cut() || sockets > 1).toBe(true);
    expect(watched.problems).toEqual([]);
  });

  describe('WEB-43: prompts that could not be sent', () => {
    const outgoing = () => page.getByRole('region', { name: 'Queued prompts' }).getByRole('listitem');

    it('survive navigation and a reload, and are sent automatically, in order and once', async () => {
      const { id: otherId } = await server.createChat({ title: 'Other' });
      await enter();
      await page.getByText('No messages yet.').waitFor();
      // The chat list is a separate request.
      await page.getByRole('link', { name: /Other/ }).waitFor();
      bridge.isDown = true;
      bridge.cut();
      await offline(page).waitFor();
      for (const text of ['one', 'two']) await say(page, text);
      await expect.poll(() => outgoing().allInnerTexts()).toHaveLength(2);
      await page.getByText('2 prompts are waiting to be sent.').waitFor();
      await page.getByRole('link', { name: /Other/ }).click();
      await expect.poll(() => page.url()).toContain(otherId);
      await page.goBack();
      await expect.poll(() => outgoing().allInnerTexts()).toHaveLength(2);
      // A reload needs the server, so it is reachable again, but requests with prompts still fail.
      await page.route('**/prompts', (route) =>
        route.request().method() === 'POST' ? route.abort() : route.continue(),
      );
      bridge.isDown = false;
      await page.reload();
      await expect.poll(() => outgoing().allInnerTexts()).toHaveLength(2);
      await say(page, 'three');
      await page.unroute('**/prompts');
      bridge.cut();
      await turnsEnded(page, 3);
      await expect.poll(() => typed(page)).toEqual(['one', 'two', 'three']);
      await expect.poll(() => outgoing().count()).toBe(0);
      await expect.poll(() => page.evaluate(() => Object.keys(sessionStorage).join())).not.toContain('outbox');
      await page.reload();
      await turnsEnded(page, 3);
      await expect.poll(() => typed(page)).toEqual(['one', 'two', 'three']);
      await server.client.deleteChat(otherId);
      expect(watched.problems).toEqual([]);
    });

    it('are stored once, even if the server accepted them and its response was lost', async () => {
      await enter();
      let lost = 0;
      await page.route('**/prompts', async (route) => {
        if (route.request().method() !== 'POST' || lost > 0) return route.continue();
        lost += 1;
        await route.fetch();
        return route.abort();
      });
      await say(page, 'one');
      await turnsEnded(page, 1);
      await expect.poll(() => page.evaluate(() => Object.keys(sessionStorage).join())).not.toContain('outbox');
      expect([lost, await typed(page)]).toEqual([1, ['one']]);
      expect(await outgoing().count()).toBe(0);
      expect(watched.problems).toEqual([]);
    });

    it('are reported, like drafts, if they are too large to survive a reload', async () => {
      await enter();
      await page.getByText('No messages yet.').waitFor();
      await page.evaluate(() => {
        for (let chars = 4_000_000; chars > 0; chars = Math.floor(chars / 2)) {
          try {
            sessionStorage.setItem(`full ${chars}`, 'x'.repeat(chars));
          } catch {
            // No room for this many: try fewer.
          }
        }
      });
      await page.getByLabel('Prompt', { exact: true }).fill('y'.repeat(5_000));
      await page.getByText('This draft is too large to survive a reload').waitFor();
      bridge.isDown = true;
      bridge.cut();
      await offline(page).waitFor();
      await page.keyboard.press('Enter');
      await page.getByText('It is too large to be stored').waitFor();
      bridge.isDown = false;
      await turnsEnded(page, 1);
      expect(watched.problems).toEqual([]);
    });
  });
});
