import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversation, hasBrowser, openBrowser, openPage, say, signIn, turnsEnded } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { until } from '../support/until.ts';

const isPossible = hasBrowser('A server that is killed under a browser');

describe.skipIf(!isPossible)('WEB-28: a server that dies', () => {
  let home: ProgramHome;
  let browser: Browser;
  beforeAll(async () => {
    home = await openProgramHome();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await home?.remove();
  });

  it('TURN-2 LOG-3: leaves an interrupted turn, and the page continues with the next server', async () => {
    // So that it can start again on the same one.
    const args = ['--port', String(await freePort())];
    const first = await home.serve('demo', args);
    const { page, problems } = await openPage(browser);
    await signIn(page, first.signInLink);
    await page.getByText('Demo: a scripted model answers').waitFor();
    const chat = await first.client.createChat({ cwd: home.workDir });
    await page.goto(`${first.url}/#/chat/${chat.id}`);
    await say(page, 'what did I say');
    await turnsEnded(page, 1);
    await say(page, 'stream 2000 tokens at 50 per second');
    await conversation(page).getByText(/t20 /).waitFor();
    first.program.kill('SIGKILL');
    await first.program.ended();
    await page.getByText('Offline.').waitFor();

    const second = await home.serve('demo', args);
    expect(second.url).toBe(first.url);
    await page.getByText('Offline.').waitFor({ state: 'detached' });
    // The next server takes over the chat: it first ends the turn that was left open.
    await say(page, 'what did I say');
    await page.locator('.turn-interrupted').waitFor();
    await turnsEnded(page, 3);
    const typed = await page.getByRole('article', { name: 'You', exact: true }).allInnerTexts();
    expect(typed).toEqual(['what did I say', 'stream 2000 tokens at 50 per second', 'what did I say']);
    const outcomes = await page.locator('.turn-line strong').allInnerTexts();
    expect(outcomes).toEqual(['Done', 'Interrupted', 'Done']);
    await page.getByRole('article', { name: 'Claude', exact: true }).getByText('You said: "what did I say"').waitFor();
    expect(problems).toEqual([]);
  });

  it('WEB-70: leaves a call that waits for its answer, whose card then shows the result', async () => {
    await home.endAll();
    const args = ['--port', String(await freePort())];
    const first = await home.serve('demo', args);
    const { page, problems } = await openPage(browser);
    await signIn(page, first.signInLink);
    const chat = await first.client.createChat({ cwd: home.workDir, backend: 'claude_sdk' });
    await page.goto(`${first.url}/#/chat/${chat.id}`);
    await say(page, 'run: printf hello-again | tee again.txt');
    const allow = page.getByRole('button', { name: 'Allow once' });
    await allow.waitFor();
    first.program.kill('SIGKILL');
    await first.program.ended();
    await page.getByText('Offline.').waitFor();
    const second = await home.serve('demo', args);
    await page.getByText('Offline.').waitFor({ state: 'detached' });
    // The next server finds what the first has left when somebody asks for it.
    await until(async () => (await second.client.getChat(chat.id)).state === 'waiting');
    await conversation(page).getByText('The turn continues when the decision is answered.').waitFor();
    const card = page.getByRole('region', { name: /^Bash: / });
    const status = card.locator('.tool-status');
    expect(await status.allInnerTexts()).toEqual(['waits for you']);
    expect(await page.getByText('Interrupted', { exact: true }).count()).toBe(0);
    expect(await page.locator('.chat-column > [role=status].visually-hidden').innerText()).toBe(
      'The turn waits for your answer.',
    );
    await allow.click();
    await card.getByText('hello-again', { exact: true }).waitFor();
    await turnsEnded(page, 1);
    expect(await status.allInnerTexts()).toEqual(['done']);
    expect(await page.locator('.turn-line strong').allInnerTexts()).toEqual(['Done']);
    expect(problems).toEqual([]);
  });
});
