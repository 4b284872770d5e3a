import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { conversation, openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('WEB-27: decisions in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let chatId: string;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    await signIn(watched.page, server.running.signInLink());
    ({ id: chatId } = await server.createChat());
    await openChat(watched.page, server.url, chatId);
  });
  afterEach(async () => {
    await watched.context.close();
    await server.client.deleteChat(chatId);
  });
  const file = (name: string): string => join(server.workDir, name);

  it('DECIDE-3: show exactly what runs, with every misleading character named', async () => {
    const { page } = watched;
    await say(page, 'run: printf "a\u200b\u202eb" > allowed.txt');
    const shown = page.getByRole('region', { name: 'command' });
    expect(await shown.innerText()).toBe('printf "a⟨U+200B⟩⟨U+202E⟩b" > allowed.txt');
    expect(existsSync(file('allowed.txt'))).toBe(false);
    await page.getByRole('button', { name: 'Allow once' }).click();
    await turnsEnded(page, 1);
    expect(readFileSync(file('allowed.txt'), 'utf8')).toBe('a\u200b\u202eb');
    expect(await page.locator('.decision-line').innerText()).toMatch(/allowed by owner via web \(Chrome, Linux\)$/);
    expect(watched.problems).toEqual([]);
  });

  it('DECIDE-6: say what “Always allow” allows, and are not needed for it afterwards', async () => {
    const { page } = watched;
    await say(page, 'write always.txt: once');
    const always = page.getByRole('button', { name: 'Always allow' });
    const ids = ((await always.getAttribute('aria-describedby')) ?? '').split(' ');
    const about = await Promise.all(ids.map((id) => page.locator(`[id="${id}"]`).allInnerTexts()));
    expect(about.flat().join(' ')).toContain(
      'Allow all file edits, and commands that create, move, copy or remove files in the directory, in this chat until its permission mode is changed.',
    );
    await always.click();
    await turnsEnded(page, 1);
    await say(page, 'write always.txt: twice');
    await turnsEnded(page, 2);
    expect(readFileSync(file('always.txt'), 'utf8')).toBe('twice\n');
    expect(await page.getByLabel('Permission mode').inputValue()).toBe('acceptEdits');
    expect(await page.locator('.decision-line').innerText()).toMatch(/always allowed by owner via web/);
    expect(watched.problems).toEqual([]);
  });

  it('can be denied with a message that reaches the agent', async () => {
    const { page } = watched;
    await say(page, 'run: touch denied.txt');
    await page.getByRole('button', { name: 'Deny …' }).click();
    await page.getByLabel('Tell the agent why').fill('Not in this directory, please.');
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    await turnsEnded(page, 1);
    expect(existsSync(file('denied.txt'))).toBe(false);
    await conversation(page).getByText('Not in this directory, please.').first().waitFor();
    await page.locator('.decision-deny').waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('can be allowed with edited input', async () => {
    const { page } = watched;
    await say(page, 'run: touch before.txt');
    await page.getByRole('button', { name: 'Edit …' }).click();
    await page.getByRole('textbox', { name: 'command' }).fill('touch after.txt');
    await page.getByRole('button', { name: 'Allow as edited' }).click();
    await turnsEnded(page, 1);
    expect([existsSync(file('before.txt')), existsSync(file('after.txt'))]).toEqual([false, true]);
    expect(await page.locator('.decision-line').innerText()).toMatch(/allowed as edited by owner via web/);
    expect(await conversation(page).getByRole('region', { name: 'command' }).innerText()).toBe('touch after.txt');
    expect(watched.problems).toEqual([]);
  });

  it('DECIDE-9: report an edit that cannot run at its field, where it can be corrected', async () => {
    const { page } = watched;
    await say(page, 'run: touch refused.txt');
    await page.getByRole('button', { name: 'Edit …' }).click();
    const command = page.getByRole('textbox', { name: 'command' });
    await command.fill(' ');
    await page.getByRole('button', { name: 'Allow as edited' }).click();
    await page.getByRole('alert').getByText('input.command: must not be empty').waitFor();
    expect(await command.getAttribute('aria-invalid')).toBe('true');
    expect(await command.inputValue()).toBe(' ');
    await command.fill('touch mended.txt');
    await page.getByRole('button', { name: 'Allow as edited' }).click();
    await turnsEnded(page, 1);
    expect([existsSync(file('refused.txt')), existsSync(file('mended.txt'))]).toEqual([false, true]);
    // The browser logs the refused request.
    expect(watched.problems.filter((problem) => !problem.includes('400'))).toEqual([]);
  });

  it('DECIDE-2: show by whom and how they were settled elsewhere', async () => {
    const { page } = watched;
    await say(page, 'run: touch elsewhere.txt');
    await page.getByRole('button', { name: 'Allow once' }).waitFor();
    const { items } = await server.client.listDecisions({ status: 'pending', chatId });
    await server.client.decide(items[0]!.id, { outcome: 'deny' });
    await page.getByText(/^Denied elsewhere by owner via test/).waitFor();
    await page.getByRole('button', { name: 'Allow once' }).waitFor({ state: 'detached' });
    await page.locator('.decision-line').getByText('denied by owner via test').waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('of all chats are in one inbox, and can be answered there', async () => {
    const { page } = watched;
    await say(page, 'ask me');
    await page.getByText('Which colour should the example have?').first().waitFor();
    await page.getByRole('link', { name: 'Inbox: 1 waiting for you' }).click();
    const question = page.getByRole('region', { name: /^Question/ });
    await question.getByLabel('Green').check();
    await question.getByRole('button', { name: 'Answer', exact: true }).click();
    await page.getByText('Nothing is waiting for you.').waitFor();
    await page.getByText(/^Allowed by owner via web/).waitFor();
    await openChat(page, server.url, chatId);
    await turnsEnded(page, 1);
    await conversation(page)
      .getByText(/"Which colour should the example have\?"="Green"/)
      .first()
      .waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('show a plan formatted, with a button that approves it', async () => {
    const { page } = watched;
    await page.getByLabel('Permission mode').selectOption('plan');
    await say(page, 'make a plan');
    await page.getByRole('region', { name: /^The plan, \d+ lines$/ }).waitFor();
    await page.getByText('Formatted', { exact: true }).click();
    const plan = page.getByRole('region', { name: 'The plan, formatted' });
    await plan.getByRole('heading', { name: 'Plan' }).waitFor();
    expect(await plan.getByRole('listitem').count()).toBe(3);
    await page.getByRole('button', { name: 'Approve the plan' }).click();
    await conversation(page).getByText('The plan is approved').waitFor();
    expect(watched.problems).toEqual([]);
  });
});
