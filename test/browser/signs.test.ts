import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  conversation,
  hasBrowser,
  openBrowser,
  openChat,
  openPage,
  say,
  signIn,
  turnsEnded,
  type WatchedPage,
} from '../support/browser.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const name = 'signs of life in a browser';
describe.skipIf(!hasBrowser(name))(`${name}`, () => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  beforeAll(async () => {
    server = await openServer({ config: { quietMs: 1_000 } });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    await signIn(watched.page, server.running.signInLink());
  });
  afterEach(() => watched.context.close());

  it('WEB-48 TURN-9: a silent model is shown, with the time, until it responds', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    await say(page, 'hold');
    await conversation(page).getByText('I hold here.').waitFor();
    const line = page.locator('.wait-line');
    await line.getByText(/^Waiting for the model for \d+ s$/).waitFor();
    await until(async () => (await server.client.getChat(chat.id)).waitsFor?.for === 'model');
    const first = await line.innerText();
    await until(async () => (await line.innerText()) !== first, { what: 'the next second' });
    server.model.release();
    await turnsEnded(page, 1);
    await line.waitFor({ state: 'detached' });
    expect(watched.problems).toEqual([]);
  });

  it('HOST-22: the host that runs a chat is named if it is another one', async () => {
    const { page } = watched;
    const config = { advertiseUrl: 'http://127.0.0.1:0', hostName: 'the other desk' };
    const other = await openServer({ beside: server, config });
    try {
      const chat = await server.createChat();
      await openChat(page, server.url, chat.id);
      const facts = page.locator('.page-facts');
      await other.client.prompt(chat.id, { content: 'who are you' });
      await facts.getByText('on the other desk').waitFor();
      await turnsEnded(page, 1);
      await other.close();
      await facts.getByText('on the other desk').waitFor({ state: 'detached' });
      await say(page, 'who are you');
      await turnsEnded(page, 2);
      expect(await facts.innerText()).not.toMatch(/\bon\b/);
    } finally {
      await other.close();
    }
    expect(watched.problems).toEqual([]);
  });

  it('WEB-49 TURN-11: a retried request is one line with a counter', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    await say(page, 'fail 529 3 times');
    await page
      .locator('.wait-line')
      .getByText(/^Retrying: attempt 3 of 10, .* because the model API failed/)
      .waitFor();
    await turnsEnded(page, 1);
    await conversation(page).getByText('Now it works').waitFor();
    expect(
      (await server.client.events(chat.id, { after: 0, limit: 1000 })).items.filter(({ type }) => type === 'notice'),
    ).toHaveLength(3);
    expect(await conversation(page).locator('.notice').allInnerTexts()).toEqual([
      expect.stringMatching(/Retry 3 of 10/),
    ]);
    await page.reload();
    await turnsEnded(page, 1);
    expect(await conversation(page).locator('.notice').count()).toBe(1);
    expect(watched.problems).toEqual([]);
  });

  it('AGENT-19: an MCP server that is not running is reported in the chat, and its state is in the chat’s settings', async () => {
    const { page } = watched;
    const cwd = join(server.workDir, 'servers');
    await mkdir(cwd);
    await writeFile(
      join(cwd, '.mcp.json'),
      JSON.stringify({ mcpServers: { absent: { command: '/no/such/program' } } }),
    );
    const chat = await server.createChat({ cwd, trusted: true });
    await openChat(page, server.url, chat.id);
    await say(page, 'who are you');
    await conversation(page)
      .getByText(/MCP server “absent” is not running: ENOENT/)
      .waitFor();
    await page.getByRole('button', { name: 'Model, engine and trust' }).click();
    await page
      .getByRole('region', { name: 'MCP servers' })
      .getByText(/absent is not running: ENOENT/)
      .waitFor();
    expect((await server.client.getChat(chat.id)).mcpServers).toMatchObject([{ name: 'absent', status: 'failed' }]);
    expect(watched.problems).toEqual([]);
  });
});
