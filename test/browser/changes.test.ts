import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Request } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { conversation, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { desk, diffOf, number, numbers, openChanges, openRepository, phone, row } from '../support/changes-page.ts';
import { git } from '../support/git-repository.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

const hostile = '<img src=x onerror=hacked()>\n\u202eif (admin) {\u202c\n\u001b[31mred\n';
const answer = () => ({ outcome: 'allow' }) as const;

describeInBrowser('the Changes view', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it('WEB-82 WEB-83 WEB-85: opens beside the conversation, and follows what the agent does', async () => {
    const { chat, write } = await openRepository(server, {
      'src/a.js': 'const a = 1;\nconst b = 2;\n',
      'b.txt': 'x  y\n',
    });
    const { page, context, problems } = await openPage(browser, { size: desk });
    const loaded: string[] = [];
    page.on('request', (request) => loaded.push(request.url()));
    await signIn(page, server.running.signInLink());
    await page.goto(`${server.url}/#/chat/${chat.id}`);
    await page.getByLabel('Prompt', { exact: true }).waitFor();
    expect(loaded.filter((url) => /changes/.test(url))).toEqual([]);
    await page.keyboard.press('Control+Shift+G');
    await page.getByText('Nothing has changed.').waitFor();
    await conversation(page).waitFor();

    await runTurn(server.client, chat.id, 'run: sed -i "s/a = 1/a = 11/" src/a.js; echo "x y" > b.txt', { answer });
    await page.getByRole('button', { name: 'Close the changes: 2' }).waitFor();
    await row(page, 'a.js, modified, 1 line added, 1 removed').click();
    await diffOf(page).getByText('const a = 11;').waitFor();
    expect(await diffOf(page).locator('.changes-word').allTextContents()).toEqual(['1', '11']);
    await diffOf(page).locator('.diff-added .hljs-keyword').waitFor();

    await page.getByLabel('Split').check();
    const pair = diffOf(page).locator('.changes-pair', { hasText: 'a = 11' });
    expect(await pair.locator('.changes-code').allTextContents()).toEqual(['const a = 1;', 'const a = 11;']);
    await row(page, 'b.txt').click();
    await diffOf(page).getByText('x  y').first().waitFor();
    await page.getByLabel('Hide white space').check();
    await diffOf(page).getByText('1 line with changes of white space only').waitFor();
    expect(await diffOf(page).locator('.changes-pair').count()).toBe(0);
    await page.getByLabel('Hide white space').uncheck();

    await write('c.txt', 'by a person\n');
    await page.getByLabel('Compare with').selectOption('Since the last turn’s start');
    await row(page, 'c.txt, added').waitFor();
    await runTurn(server.client, chat.id, 'run: echo more >> c.txt', { answer });
    await expect.poll(() => page.getByRole('treeitem').count()).toBe(1);
    await page.getByLabel('Compare with').selectOption('Since the last commit');
    await row(page, 'c.txt, added, 2 lines added').waitFor();
    await page.getByLabel('Split').uncheck();
    await page.keyboard.press('Control+Shift+G');
    await expect.poll(() => new URL(page.url()).hash).toBe(`#/chat/${chat.id}`);
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe('prompt');
    await page.getByRole('button', { name: 'Open the changes: 3' }).waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-84: comments on lines go with the next prompt, and survive a reload', async () => {
    const { chat, write } = await openRepository(server, { 'a.js': `${numbers.join('\n')}\n` });
    await write('a.js', `${numbers.with(4, 'five').with(5, 'six').join('\n')}\n`);
    const { page, context, problems } = await openChanges(opened(), chat.id);
    await number(page, 'after', 5).click();
    await page.getByLabel('Comment on a.js, line 5').fill('Why not 5?');
    await page.keyboard.press('Control+Enter');
    // From the number of one line to that of another one.
    const [from, to] = [await number(page, 'before', 5).boundingBox(), await number(page, 'before', 6).boundingBox()];
    await page.mouse.move(from!.x + 5, from!.y + 5);
    await page.mouse.down();
    await page.mouse.move(to!.x + 5, to!.y + 5, { steps: 3 });
    await page.mouse.up();
    await page.getByLabel('Comment on a.js, lines 5 to 6 of the old version').fill('Keep these');
    await page.getByRole('button', { name: 'Add to the prompt' }).click();
    // By key, from there.
    await diffOf(page).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('c');
    await page.getByLabel('Comment on a.js, lines 5 to 6', { exact: true }).fill('Both');
    // What is being written stays, whatever arrives.
    await write('other.txt', 'x\n');
    await runTurn(server.client, chat.id, 'stream 3 tokens');
    await row(page, 'other.txt').waitFor();
    await page.keyboard.type(' of them');
    await page.keyboard.press('Control+Enter');

    await page.reload();
    const chips = page.getByRole('list', { name: 'Comments to send' }).getByRole('listitem');
    await expect
      .poll(() => chips.allTextContents())
      .toEqual(['a.js:5 Why not 5?', 'a.js:5-6 Keep these', 'a.js:5-6 Both of them']);
    await page.getByRole('note', { name: 'Comment on a.js, line 5' }).waitFor();
    await page.getByRole('button', { name: 'Remove the comment on a.js, lines 5 to 6', exact: true }).click();
    await page.getByRole('button', { name: 'Edit the comment on a.js, line 5' }).click();
    await page.keyboard.type(' Or 50?');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('button', { name: 'Write the prompt' }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe('prompt');
    await page.keyboard.type('Look at these:');
    await page.keyboard.press('Enter');
    await expect.poll(() => chips.count()).toBe(0);
    const sent = async (): Promise<string> => {
      const { items } = await server.client.events(chat.id, { limit: 1000 });
      const prompts = items.filter((event) => event.type === 'prompt_accepted');
      const [block] = prompts.at(-1)!.content;
      return block?.type === 'text' ? block.text : '';
    };
    await expect
      .poll(sent)
      .toBe(
        'Look at these:\n\n' +
          'a.js, line 5:\n```js\nfive\n```\nWhy not 5? Or 50?\n\n' +
          'a.js, lines 5 to 6 of the old version:\n```js\nline 5\nline 6\n```\nKeep these',
      );
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-86 WEB-88: files, changes and lines by key; a file is seen until its content changes', async () => {
    const { chat, write } = await openRepository(server, { 'a.txt': `${numbers.join('\n')}\n`, 'b.txt': 'b\n' });
    await write('a.txt', `${numbers.with(4, 'five').with(50, 'fifty-one').join('\n')}\n`);
    await write('b.txt', 'B\n');
    await write('large.txt', 'x\n'.repeat(5_000));
    const { page, context, problems } = await openChanges(opened(), chat.id);
    const chosen = (): Promise<string | null> =>
      page.getByRole('treeitem', { selected: true }).locator('.visually-hidden').textContent();
    await diffOf(page).getByText('five').waitFor();
    const line = (): Promise<string[]> => diffOf(page).locator('.is-chosen .changes-code').allTextContents();
    await page.keyboard.press('j');
    await expect.poll(line).toEqual(['line 5']);
    await page.keyboard.press('j');
    await expect.poll(line).toEqual(['line 51']);
    await page.keyboard.press('k');
    await expect.poll(line).toEqual(['line 5']);
    for (let step = 0; step < 2; step += 1) await page.keyboard.press('j');
    await expect.poll(chosen).toContain('b.txt');
    await page.keyboard.press('p');
    await expect.poll(chosen).toContain('a.txt');
    await page.keyboard.press('s');
    await expect.poll(chosen).toContain('b.txt');
    await row(page, 'a.txt, modified, 2 lines added, 2 removed, seen').waitFor();
    await page.keyboard.press('n');
    await page.getByText('This is a large diff: 5,000 lines.').waitFor();
    expect(await diffOf(page).locator('.changes-line').count()).toBe(0);
    await page.getByRole('button', { name: 'Show 3,000 lines' }).click();
    await expect.poll(() => diffOf(page).locator('.changes-line').count()).toBe(3_000);
    await page.reload();
    await row(page, 'a.txt, modified, 2 lines added, 2 removed, seen').waitFor();
    await write('a.txt', `${numbers.with(4, 'FIVE').with(50, 'fifty-one').join('\n')}\n`);
    await runTurn(server.client, chat.id, 'stream 3 tokens');
    await expect
      .poll(() => row(page, 'a.txt, modified, 2 lines added, 2 removed').locator('.visually-hidden').textContent())
      .not.toContain('seen');

    const tree = page.getByRole('tree');
    await tree.focus();
    await page.keyboard.press('End');
    await expect.poll(chosen).toContain('large.txt');
    await page.keyboard.press('Home');
    await expect.poll(chosen).toContain('a.txt');
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('Next and previous file').waitFor();
    await page.keyboard.press('Escape');
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-85: keeps the place in a file, and asks for nothing while it cannot be seen', async () => {
    const { chat, write } = await openRepository(server, { 'a.txt': `${numbers.join('\n')}\n`, 'b.txt': 'b\n' });
    const many = numbers.map((text) => `${text} changed`);
    await write('a.txt', `${many.join('\n')}\n`);
    const { page, context, problems } = await openChanges(opened(), chat.id, { size: { width: 1440, height: 600 } });
    const asked: string[] = [];
    const isWatch = (request: Request): boolean => request.url().includes('/changes/watch');
    let watches = 0;
    page.on('request', (request) => {
      if (isWatch(request)) watches += 1;
      asked.push(request.url());
    });
    await diffOf(page).getByText('line 60 changed').waitFor();
    await diffOf(page).evaluate((element) => (element.scrollTop = 700));
    // By a person, without a turn.
    await write('b.txt', 'B\n');
    await row(page, 'b.txt').waitFor();
    expect(await diffOf(page).evaluate((element) => element.scrollTop)).toBe(700);
    await write('a.txt', `${many.with(59, 'the last one').join('\n')}\n`);
    await runTurn(server.client, chat.id, 'stream 3 tokens');
    await diffOf(page).getByText('the last one').waitFor();
    expect(await diffOf(page).evaluate((element) => element.scrollTop)).toBe(700);

    // Playwright cannot hide a tab.
    const hide = (isHidden: boolean): Promise<void> =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, 'visibilityState', {
          value: hidden ? 'hidden' : 'visible',
          configurable: true,
        });
        document.dispatchEvent(new Event('visibilitychange'));
      }, isHidden);
    const ended = page.waitForEvent('requestfailed', isWatch);
    await hide(true);
    await ended;
    asked.length = 0;
    watches = 0;
    await runTurn(server.client, chat.id, 'run: rm b.txt', { answer });
    await conversation(page).getByText('rm b.txt').first().waitFor();
    expect(asked.filter((url) => url.includes('/changes'))).toEqual([]);
    const begun = page.waitForEvent('request', isWatch);
    await hide(false);
    await begun;
    await row(page, 'b.txt, deleted').waitFor();
    expect(watches).toBe(1);
    // The one that began is the one that tells.
    await write('d.txt', 'D\n');
    await row(page, 'd.txt, added').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-89 WEB-24: says in words what cannot be shown, and shows hostile text as text', async () => {
    const { chat, top, write } = await openRepository(server, {
      'binary.bin': Buffer.from([0, 1, 2]),
      'crlf.txt': 'a\r\nb\r\n',
      'old.txt': `${numbers.join('\n')}\n`,
      'run.sh': 'true\n',
      'gone.txt': 'gone\n',
    });
    await write('binary.bin', Buffer.from([0, 1, 3]));
    await write('crlf.txt', 'a\r\nB\r\n');
    await write('hostile.html', hostile);
    await write('empty.txt', '');
    await write('\u202egnp.exe\n<b>', 'x\n');
    git(top, 'mv', 'old.txt', 'new.txt');
    git(top, 'update-index', '--chmod=+x', 'run.sh');
    await rm(join(top, 'gone.txt'));
    await rm(join(top, 'run.sh'));
    git(top, 'checkout', 'run.sh');
    await writeFile(join(top, 'huge.bin'), Buffer.alloc(51 * 1024 * 1024));
    const { page, context, problems } = await openChanges(opened(), chat.id);
    for (const [name, words] of [
      ['binary.bin, modified, binary', 'It is a binary file'],
      ['crlf.txt, modified', 'Its lines end with CR LF.'],
      ['empty.txt, added', 'It is empty.'],
      ['gone.txt, deleted', 'The file was deleted.'],
      ['new.txt, renamed', 'Renamed from old.txt. Its content is the same.'],
      ['run.sh, modified', 'It was a plain file and is executable now.'],
    ] as const) {
      await row(page, name).click();
      await diffOf(page).getByText(words).waitFor();
    }
    await row(page, 'hostile.html').click();
    await diffOf(page).getByText('hacked()').waitFor();
    expect(await diffOf(page).locator('.changes-code').allTextContents()).toEqual([
      '<img src=x onerror=hacked()>',
      '⟨U+202E⟩if (admin) {⟨U+202C⟩',
      '␛[31mred',
    ]);
    await row(page, '⟨U+202E⟩gnp.exe␊<b>, added').waitFor();
    // A row can be clicked while the list scrolls.
    const reached = await row(page, 'hostile.html').evaluate(
      (element) =>
        new Promise<boolean>((resolve) => {
          const tree = element.closest('[role=tree]')!;
          const look = (): void => {
            const { x, y, width, height } = element.getBoundingClientRect();
            const found = document.elementFromPoint(x + width / 2, y + height / 2);
            resolve(found?.closest('[role=treeitem]') === element);
          };
          tree.addEventListener('scroll', () => requestAnimationFrame(() => requestAnimationFrame(look)), {
            once: true,
          });
          tree.scrollBy(0, tree.scrollTop > 0 ? -1 : 1);
        }),
    );
    expect(reached).toBe(true);
    await page.getByText('1 file not compared').click();
    await page.getByText('huge.bin is too large (54 MB)').waitFor();
    expect(problems).toEqual([]);
    await context.close();

    const elsewhere = await server.createChat({
      cwd: await mkdtemp(join(server.dataDir, '..', 'none-')),
      title: 'None',
    });
    const other = await openPage(browser, { size: desk });
    await signIn(other.page, server.running.signInLink());
    await other.page.goto(`${server.url}/#/chat/${elsewhere.id}/changes`);
    await other.page.getByText('This chat’s directory is not in a git repository').waitFor();
    expect(await findings(other.page)).toEqual([]);
    await other.context.close();
    await rm(elsewhere.cwd, { recursive: true });
  });

  it('WEB-83 WEB-84: is a page of its own on a phone', async () => {
    const { chat, write } = await openRepository(server, { 'src/a.js': 'const a = 1;\n' });
    await write('src/a.js', 'const a = 2;\n');
    const { page, context, problems } = await openPage(browser, { size: phone, isTouched: true });
    await signIn(page, server.running.signInLink());
    await page.goto(`${server.url}/#/chat/${chat.id}`);
    await page.getByRole('button', { name: 'Open the changes' }).tap();
    await row(page, 'a.js, modified').tap();
    expect(await page.getByLabel('Prompt', { exact: true }).isVisible()).toBe(false);
    await number(page, 'after', 1).tap();
    await page.getByLabel('Comment on src/a.js, line 1').fill('Why 2?');
    await page.getByRole('button', { name: 'Add to the prompt' }).tap();
    const overflow = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'Back to the files' }).tap();
    await row(page, 'a.js, modified, 1 line added, 1 removed, 1 comment').waitFor();
    await page.getByRole('button', { name: 'Write the prompt' }).tap();
    await page.getByText('a.js:1 Why 2?').waitFor();
    await page.getByRole('button', { name: 'Open the changes' }).tap();
    await row(page, 'a.js, modified').waitFor();
    await page.goBack();
    await page.getByLabel('Prompt', { exact: true }).waitFor();
    // One link leads away, another one to them: closing them leads to the chat all the same.
    await page.getByRole('button', { name: 'Open the changes' }).tap();
    await row(page, 'a.js, modified').waitFor();
    await page.goto(`${server.url}/#/inbox`);
    await page.getByRole('heading', { name: 'Inbox' }).waitFor();
    await page.goto(`${server.url}/#/chat/${chat.id}/changes`);
    await row(page, 'a.js, modified').waitFor();
    await page.locator('.changes-panel').getByRole('button', { name: 'Close the changes' }).tap();
    await page.getByLabel('Prompt', { exact: true }).waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it.each(['light', 'dark'] as const)('WEB-29: has no serious axe findings, %s', async (colorScheme) => {
    const { chat, write } = await openRepository(server, { 'src/a.js': 'const a = 1; // one\n', 'b.txt': 'x\n' });
    await write('src/a.js', 'const a = "two"; // \u202etwo\nfunction f() {}\n');
    await write('new.txt', 'x\n');
    await rm(join(chat.cwd, 'b.txt'));
    const { page, context, problems } = await openChanges(opened(), chat.id, { colorScheme });
    await row(page, 'a.js, modified').click();
    await diffOf(page).locator('.diff-added .hljs-keyword').first().waitFor();
    await number(page, 'after', 1).click();
    await page.getByLabel('Comment on src/a.js, line 1').fill('Why?');
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('Control+Enter');
    await page.getByLabel('Seen').check();
    await page.getByLabel('Split').check();
    expect(await findings(page)).toEqual([]);
    await page.setViewportSize(phone);
    await number(page, 'after', 2).click();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Back to the files' }).click();
    expect(await findings(page)).toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });
});
