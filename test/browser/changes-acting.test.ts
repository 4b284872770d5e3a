import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { canPress, say } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { desk, diffOf, number, numbers, openChanges, openRepository, phone, row } from '../support/changes-page.ts';
import { git } from '../support/git-repository.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('acting on changes', (opened) => {
  let server: TestServer;
  beforeAll(() => ({ server } = opened()));

  it('WEB-84: a comment that is being written is not lost, and a command leaves comments for the next prompt', async () => {
    const { chat, write } = await openRepository(server, { 'a.js': `${numbers.join('\n')}\n` });
    await write('a.js', `${numbers.with(4, 'five').join('\n')}\n`);
    const { page, context, problems } = await openChanges(opened(), chat.id);
    const chips = page.getByRole('list', { name: 'Comments to send' }).getByRole('listitem');
    await number(page, 'after', 5).click();
    const field = page.getByRole('textbox', { name: 'Comment on a.js, line 5', exact: true });
    await field.fill('Why not 5?');
    // The Escape that ends an IME composition is not meant for the comment.
    await field.dispatchEvent('keydown', { key: 'Escape', isComposing: true, bubbles: true });
    await field.press('Escape');
    await expect.poll(() => chips.allTextContents()).toEqual(['a.js:5 Why not 5?']);
    await page.getByRole('button', { name: 'Edit the comment on a.js, line 5' }).click();
    await field.fill('Cancelled');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => chips.allTextContents()).toEqual(['a.js:5 Why not 5?']);
    await page.getByRole('button', { name: 'Edit the comment on a.js, line 5' }).click();
    await field.fill('Why 5?');
    await page.reload();
    await expect.poll(() => chips.allTextContents()).toEqual(['a.js:5 Why 5?']);
    await number(page, 'before', 5).click();
    await page.getByLabel('Comment on a.js, line 5 of the old version').fill('Better');
    await page.getByRole('button', { name: 'Close the changes' }).first().click();
    await expect.poll(() => chips.allTextContents()).toEqual(['a.js:5 Why 5?', 'a.js:5 Better']);

    await say(page, '/btw what did I say');
    await page.getByRole('region', { name: 'Side question' }).getByText('You said: "stream 3 tokens".').waitFor();
    expect(await chips.count()).toBe(2);
    // They are told where they are shown.
    await write('a.js', `new\n${numbers.with(4, 'five').join('\n')}\n`);
    await page.getByRole('button', { name: 'Open the changes' }).click();
    await expect.poll(() => chips.allTextContents()).toEqual(['a.js:6 Why 5?', 'a.js:5 Better']);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-83: says on a phone that the agent waits for the person, and leads back; a deleted chat leaves nothing', async () => {
    const { chat, write } = await openRepository(server, { 'a.txt': 'a\n' });
    await write('a.txt', 'b\n');
    const { page, context, problems } = await openChanges(opened(), chat.id, { size: phone, isTouched: true });
    await server.client.prompt(chat.id, { content: 'run: touch asked.txt' });
    await page.getByText('The agent waits for you.').waitFor();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Show the conversation' }).tap();
    const allow = page.getByRole('button', { name: 'Allow once' });
    await canPress(allow);
    await allow.tap();
    await page.getByRole('button', { name: 'Open the changes' }).tap();
    await row(page, 'asked.txt, added').waitFor();
    expect(await page.getByText('The agent waits for you.').count()).toBe(0);
    await page.setViewportSize(desk);
    await page.getByRole('button', { name: 'More for this chat' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('heading', { name: 'No chat open' }).waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-87: stages, discards with a way back, and commits', async () => {
    const { chat, top, write } = await openRepository(server, { 'a.txt': `${numbers.join('\n')}\n`, 'b.txt': 'b\n' });
    const changed = `${numbers.with(4, 'five').with(50, 'fifty-one').join('\n')}\n`;
    await write('a.txt', changed);
    await write('b.txt', 'B\n');
    await write('new.txt', 'x\n');
    const { page, context, problems } = await openChanges(opened(), chat.id);
    await page.getByLabel('Compare with').selectOption('Since the last commit');
    await row(page, 'a.txt').click();
    await page.getByRole('button', { name: 'Discard change 2' }).click();
    const question = page.getByRole('dialog', { name: 'Discard this change?' });
    expect(await question.locator('.diff-added, .diff-removed').allInnerTexts()).toEqual([
      expect.stringContaining('line 51'),
      expect.stringContaining('fifty-one'),
    ]);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Discard change 2' }).click();
    await page.getByRole('button', { name: 'Discard', exact: true }).click();
    await row(page, 'a.txt, modified, 1 line added, 1 removed').waitFor();
    expect(await readFile(join(top, 'a.txt'), 'utf8')).toBe(`${numbers.with(4, 'five').join('\n')}\n`);
    await page.getByRole('button', { name: 'Undo' }).click();
    await row(page, 'a.txt, modified, 2 lines added, 2 removed').waitFor();
    expect(await readFile(join(top, 'a.txt'), 'utf8')).toBe(changed);
    // Keys go on, although the button that was pressed is gone.
    await expect.poll(() => page.evaluate(() => document.activeElement?.closest('.changes-panel') !== null)).toBe(true);
    await row(page, 'new.txt').click();
    await page.getByRole('button', { name: 'Discard …' }).click();
    await page.getByText('new.txt is removed.').waitFor();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Discard', exact: true }).click();
    await expect.poll(() => row(page, 'new.txt').count()).toBe(0);

    await row(page, 'b.txt').click();
    await page.getByRole('button', { name: 'Stage', exact: true }).press('Enter');
    await row(page, 'b.txt, modified, 1 line added, 1 removed, staged').waitFor();
    await page.getByRole('button', { name: 'Stage', exact: true }).waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys of the changes' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Unstage', exact: true }).click();
    await page.getByText('Nothing is staged').waitFor();
    await page.getByRole('button', { name: 'Stage', exact: true }).click();
    await page.getByText('1 file staged').waitFor();
    await page.getByRole('button', { name: 'Commit …' }).click();
    await page.getByRole('button', { name: 'Ask the agent for a message' }).click();
    await expect.poll(() => page.getByLabel('Message').inputValue()).toBe('Change b.txt');
    await page.getByLabel('Message').fill('Change b');
    expect(await findings(page)).toEqual([]);
    await page.getByRole('dialog').getByRole('button', { name: 'Commit', exact: true }).click();
    await page.getByText(/^Committed [0-9a-f]{8}: Change b/).waitFor();
    await expect.poll(() => row(page, 'b.txt').count()).toBe(0);
    expect(git(top, 'show', '--format=%s', '--name-only')).toBe('Change b\n\nb.txt');
    // What has changed since it was asked is not discarded.
    await row(page, 'a.txt').click();
    await page.getByRole('button', { name: 'Discard …', exact: true }).click();
    await page.getByRole('dialog').getByText('becomes again what it was').waitFor();
    await write('a.txt', 'something else\n');
    await page.getByRole('button', { name: 'Discard', exact: true }).click();
    await page.getByRole('dialog').getByText('This file has changed since you saw it.').waitFor();
    expect(await readFile(join(top, 'a.txt'), 'utf8')).toBe('something else\n');
    await page.getByRole('button', { name: 'Cancel' }).click();

    // Each can be given back, also after the view was closed.
    await diffOf(page).getByText('something else').waitFor();
    await page.getByRole('button', { name: 'Discard …', exact: true }).click();
    await page.getByRole('button', { name: 'Discard', exact: true }).click();
    const undo = (name: string): Locator => page.getByRole('button', { name: `Undo: ${name}` });
    await undo('a.txt').waitFor();
    await page.getByRole('button', { name: 'Close the changes' }).first().click();
    await undo('a.txt').waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('button', { name: 'Open the changes' }).click();
    await undo('new.txt').click();
    await row(page, 'new.txt, added').waitFor();
    await undo('a.txt').click();
    await row(page, 'a.txt, modified').waitFor();
    expect(await readFile(join(top, 'a.txt'), 'utf8')).toBe('something else\n');
    await expect.poll(() => page.getByRole('list', { name: 'Discarded' }).count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });
});
