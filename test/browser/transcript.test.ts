import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { conversation, openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { ownAgents } from '../support/processes.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

const answer = () => ({ outcome: 'allow' }) as const;
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const code = Array.from({ length: 40 }, (_, index) => `const line${index + 1}: number = ${index + 1};`).join('\n');

const card = (page: Page, name: string | RegExp): Locator => conversation(page).getByRole('region', { name }).last();

describeInBrowser('the transcript', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  beforeAll(async () => {
    ({ server, browser } = opened());
    await writeFile(join(server.workDir, 'code.ts'), `${code}\n`);
    await writeFile(join(server.workDir, 'dot.png'), Buffer.from(png, 'base64'));
    watched = await openPage(browser);
    await signIn(watched.page, server.running.signInLink());
  });
  afterEach(() => {
    watched.problems.length = 0;
  });

  /** Opens a chat in which this prompt has run. */
  async function shown(prompt: string) {
    const chat = await server.createChat();
    await runTurn(server.client, chat.id, prompt, { answer });
    await watched.page.goto('about:blank');
    await openChat(watched.page, server.url, chat.id);
    await turnsEnded(watched.page, 1);
    return { page: watched.page, chat };
  }

  it('shows thinking, collapsed until it is opened', async () => {
    const { page } = await shown('think');
    const thought = page.getByRole('button', { name: 'Thought' });
    expect(await thought.getAttribute('aria-expanded')).toBe('false');
    await thought.click();
    await conversation(page).getByText('First I look at the question from one side').waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('TURN-26: says that an answer was cut off, below what had streamed of it', async () => {
    const chat = await server.createChat();
    await openChat(watched.page, server.url, chat.id);
    await say(watched.page, 'hold');
    const streamed = conversation(watched.page).getByRole('article', { name: 'Claude' });
    await streamed.getByText('I hold here.').waitFor();
    for (const { pid, command } of ownAgents())
      if (/claude\b/.test(command.split(' ')[0] ?? '')) process.kill(pid, 'SIGKILL');
    const words = streamed.getByText('Cut off here: the turn ended while this was being written.');
    await words.waitFor();
    await watched.page.reload();
    await words.waitFor();
    expect(await streamed.count()).toBe(1);
    expect(watched.problems).toEqual([]);
  });

  it('shows a file that was read, with line numbers and colours, a long one in parts', async () => {
    const { page } = await shown('read code.ts');
    const read = card(page, 'Read: code.ts, done');
    await read.getByRole('button', { name: 'Read code.ts done' }).click();
    await read.locator('.hljs-keyword').first().waitFor();
    const numbers = async () => (await read.locator('.file-numbers').innerText()).trim().split('\n').map(Number);
    await expect.poll(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await read.getByRole('button', { name: 'Show all 40 lines' }).click();
    await expect.poll(numbers).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect((await read.getByRole('region', { name: 'Code' }).innerText()).trim()).toBe(code);
    expect(watched.problems).toEqual([]);
  });

  it('shows a change with the lines around it', async () => {
    const { page } = await shown('edit code.ts: = 20; => = 2000;');
    const change = card(page, 'Edit: code.ts, done').getByRole('region', { name: 'Change' });
    const lines = await change.locator('.diff-line').allInnerTexts();
    expect(lines.map((line) => line.replace(/\s+/g, ' ').trim())).toEqual([
      '⋯ 16 unchanged lines',
      '17 const line17: number = 17;',
      '18 const line18: number = 18;',
      '19 const line19: number = 19;',
      '20 − removed: const line20: number = 20;',
      '20 + added: const line20: number = 2000;',
      '21 const line21: number = 21;',
      '22 const line22: number = 22;',
      '23 const line23: number = 23;',
    ]);
    expect(watched.problems).toEqual([]);
  });

  it('shows an image that a tool returned', async () => {
    const { page } = await shown('read dot.png');
    await page.getByRole('button', { name: 'Read dot.png done' }).click();
    const picture = card(page, /^Read/).getByRole('img');
    expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
    expect(watched.problems).toEqual([]);
  });

  it('shows a sub-agent’s steps inside its card, and its final message once', async () => {
    const { page } = await shown('use a sub-agent: run: echo from-below');
    const agent = conversation(page).getByRole('region', { name: /^Agent: .*, done$/ });
    await agent.getByRole('region', { name: 'Bash: echo from-below, done' }).waitFor();
    expect(await agent.getByText('It printed:').count()).toBe(1);
    expect(await conversation(page).getByRole('region', { name: /^Bash/ }).count()).toBe(1);
    await agent.getByText('Its task').click();
    await agent.getByText('run: echo from-below').waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('shows background work while it runs', async () => {
    const { page, chat } = await shown('start a background task: sleep 600');
    await card(page, 'Bash: sleep 600, in the background').waitFor();
    await page.getByText(/In the background for .*Count slowly to three/).waitFor();
    await server.client.patchChat(chat.id, { backend: 'claude_pty', running: 'interrupt' });
    await card(page, 'Bash: sleep 600, done').waitFor();
    expect(await page.getByText(/In the background/).count()).toBe(0);
    expect(watched.problems).toEqual([]);
  });

  it('shows a plan that is waiting for approval, and that the conversation was summarized', async () => {
    const { page } = watched;
    const chat = await server.createChat({ permissionMode: 'plan' });
    await page.goto('about:blank');
    await openChat(page, server.url, chat.id);
    await say(page, 'make a plan');
    const plan = page.getByRole('region', { name: /^Plan:/ });
    await plan
      .getByRole('region', { name: /^The plan/ })
      .getByText('Run the tests.')
      .first()
      .waitFor();
    await plan.getByText('Formatted').click();
    await plan.getByRole('listitem').filter({ hasText: 'Run the tests.' }).waitFor();
    await plan.getByRole('button', { name: 'Approve the plan' }).click();
    await turnsEnded(page, 1);
    await conversation(page).getByText('The plan is approved, so I would start now.').waitFor();
    await say(page, '/compact');
    await conversation(page)
      .getByText(/^The conversation was summarized/)
      .waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('shows the to-dos, and how many of them are done', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await runTurn(server.client, chat.id, 'anything');
    await page.goto('about:blank');
    // Whether the agent has a tool for them depends on the model, so the test puts the backend's event into the log.
    await page.route(`**/v1/chats/${chat.id}/events?*`, async (route) => {
      const answered = await route.fetch();
      const body = (await answered.json()) as { items: { type: string; entries?: unknown }[] };
      const told = body.items.find(({ type }) => type === 'usage_update');
      const entries = ['completed', 'in_progress', 'pending'].map((status) => ({
        content: `Do ${status}`,
        priority: 'medium',
        status,
      }));
      Object.assign(told ?? {}, { type: 'plan', entries });
      await route.fulfill({ json: body });
    });
    await openChat(page, server.url, chat.id);
    const strip = page.getByText('Plan: 1 of 3 done · Do in_progress');
    await strip.click();
    const texts = await page.locator('.plan-strip li').allInnerTexts();
    expect(texts.map((text) => text.replace(/\s+/g, ' ').trim())).toEqual([
      '● done: Do completed',
      '◐ being done: Do in_progress',
      '○ to do: Do pending',
    ]);
    expect(watched.problems).toEqual([]);
  });

  it('shows everything else if one item cannot be rendered', async () => {
    const { page } = watched;
    const chat = await server.createChat();
    await runTurn(server.client, chat.id, 'run: echo one', { answer });
    await page.goto('about:blank');
    await page.route(`**/v1/chats/${chat.id}/events?*`, async (route) => {
      const answered = await route.fetch();
      const body = (await answered.json()) as { items: { type: string; title?: unknown }[] };
      for (const event of body.items) if (event.type === 'tool_call') event.title = 7;
      await route.fulfill({ json: body });
    });
    await openChat(page, server.url, chat.id);
    await conversation(page)
      .getByText(/^This part of the chat could not be shown/)
      .waitFor();
    await conversation(page).getByText('I will run that.').waitFor();
    // React logs the error to the console; nothing else went wrong.
    expect(watched.problems.filter((problem) => !problem.startsWith('console:'))).toEqual([]);
  });

  it('shows cost and tokens of every turn and of the whole chat', async () => {
    const { page, chat } = await shown('anything');
    const { tokensIn, tokensOut, costUsd } = await server.client.getChat(chat.id);
    expect([tokensIn, tokensOut, costUsd].every((count) => count > 0)).toBe(true);
    const spent = `This chat so far: $${costUsd.toFixed(2)}, ${Math.round(tokensIn / 1000)}k tokens in, ${tokensOut} out`;
    await page.getByTitle(spent).waitFor();
    await page
      .locator('.turn-line')
      .getByText(/\d+k tokens in, \d+ out$/)
      .waitFor();
    expect(watched.problems).toEqual([]);
  });
});
