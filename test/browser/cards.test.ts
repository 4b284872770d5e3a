import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { AnswerDecision, Decision } from '../../src/protocol/decision.ts';
import { openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const numbered = (count: number): string => Array.from({ length: count }, (_, line) => `echo ${line + 1}`).join('\n');

describeInBrowser('WEB-30: decision cards in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let allow: Locator;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    ({ page } = watched);
    allow = page.getByRole('button', { name: 'Allow once' });
    await signIn(page, server.running.signInLink());
  });
  afterEach(async () => {
    await watched.context.close();
    for (const { id } of (await server.client.listChats()).items) await server.client.deleteChat(id);
    if (watched.problems.length > 0) throw new Error(watched.problems.join('\n'));
  });

  const isOff = async (button: Locator): Promise<boolean> => (await button.getAttribute('aria-disabled')) === 'true';
  const becomes = (button: Locator, off: boolean): Promise<unknown> => until(async () => (await isOff(button)) === off);
  const why = async (button: Locator): Promise<string> => {
    const [id = ''] = ((await button.getAttribute('aria-describedby')) ?? '').split(' ');
    return page.locator(`[id="${id}"]`).innerText();
  };

  /** Shows a decision that no agent here asks for, in place of the server, and records the answers. */
  async function showInInbox(
    fields: Partial<Decision>,
  ): Promise<{ answers: AnswerDecision[]; tell: (more: Partial<Decision>) => void }> {
    const chat = await server.createChat();
    const decision: Decision = {
      id: '00000000-0000-4000-8000-000000000001',
      chatId: chat.id,
      turnId: null,
      kind: 'permission',
      title: 'Bash: ls',
      input: { command: 'ls' },
      toolName: 'Bash',
      toolCallId: null,
      subagentCallId: null,
      canAllowAlways: true,
      alwaysScope: [],
      status: 'pending',
      requestedAt: new Date(0).toISOString(),
      resolvedAt: null,
      outcome: null,
      by: null,
      principal: null,
      via: null,
      ...fields,
    };
    const answers: AnswerDecision[] = [];
    let tell = (_more: Partial<Decision>): void => {};
    await page.routeWebSocket(/\/v1\/live/, (socket) => {
      tell = (more) => socket.send(JSON.stringify({ type: 'decision', decision: { ...decision, ...more } }));
      const live = socket.connectToServer();
      live.onMessage((message) => {
        if (String(message).includes('"chats_followed"')) socket.send(JSON.stringify({ type: 'decision', decision }));
        socket.send(message);
      });
    });
    await page.route(/\/v1\/decisions/, (route) => {
      answers.push(route.request().postDataJSON() as AnswerDecision);
      return route.fulfill({ json: { ...decision, status: 'resolved', outcome: 'deny', by: 'owner', via: 'web' } });
    });
    await page.goto(`${server.url}/#/inbox`);
    await page.reload();
    await page.locator('.decision').waitFor();
    return { answers, tell: (more) => tell(more) };
  }

  /** Stops the half second before a card accepts an answer, until the returned function is called. */
  async function holdSteady(): Promise<() => Promise<void>> {
    await page.addInitScript(() => {
      const { setTimeout } = globalThis;
      const held = new Map<unknown, () => void>();
      Object.assign(globalThis, {
        setTimeout(run: () => void, ms?: number, ...more: unknown[]): unknown {
          if (ms !== 500) return setTimeout(run, ms, ...more);
          // A timer in its place provides the id for `clearTimeout`.
          const id = setTimeout(() => held.delete(id), 2 ** 30);
          held.set(id, run);
          return id;
        },
        clearTimeout: ((clear) => (id?: NodeJS.Timeout) => {
          held.delete(id);
          clear(id);
        })(globalThis.clearTimeout),
        releaseHeld() {
          for (const run of held.values()) run();
          held.clear();
        },
      });
    });
    return () => page.evaluate(() => (globalThis as unknown as { releaseHeld(): void }).releaseHeld());
  }

  it('DECIDE-12: a command of 42 lines can be allowed only after the last one was visible', async () => {
    const chat = await server.createChat();
    await openChat(page, server.url, chat.id);
    await say(page, `run: touch too-early.txt\n${numbered(41)}`);
    await page.getByText(/^\d+ of 42 lines are in view\.$/).waitFor();
    await becomes(allow, true);
    expect(await why(allow)).toBe('It can be allowed once the end of “command” has been in view.');
    await allow.click({ force: true });
    await allow.focus();
    await page.keyboard.press('Enter');
    expect(await isOff(page.getByRole('button', { name: 'Deny …' }))).toBe(false);
    // With the keyboard alone.
    await page.getByRole('region', { name: 'command, 42 lines' }).focus();
    await page.keyboard.press('End');
    await becomes(allow, false);
    expect(existsSync(join(server.workDir, 'too-early.txt'))).toBe(false);
    await allow.click();
    await turnsEnded(page, 1);
    expect(existsSync(join(server.workDir, 'too-early.txt'))).toBe(true);
  });

  it('DECIDE-12: a long command can be read in full, even on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 700 });
    const { answers } = await showInInbox({ input: { command: numbered(200) } });
    await becomes(allow, true);
    await page.getByRole('button', { name: 'Show all' }).click();
    await becomes(allow, true);
    await page.getByText('echo 200', { exact: true }).scrollIntoViewIfNeeded();
    await becomes(allow, false);
    await allow.click();
    expect(await until(() => answers[0])).toMatchObject({ outcome: 'allow' });
  });

  it('DECIDE-12: a command of a megabyte stays usable, and can be allowed at its end', async () => {
    const { answers } = await showInInbox({ input: { command: numbered(80_000) } });
    await becomes(allow, true);
    await page.getByRole('button', { name: 'Deny …' }).click();
    await page.getByRole('button', { name: 'Back' }).click();
    for (;;) {
      const more = page.getByRole('button', { name: /^Show (more|all)$/ });
      if ((await more.count()) === 0) break;
      await more.click();
    }
    expect(await isOff(allow)).toBe(true);
    await page.locator('.exact .seen-end').first().scrollIntoViewIfNeeded();
    await becomes(allow, false);
    await allow.click();
    expect(await until(() => answers[0])).toMatchObject({ outcome: 'allow' });
  });

  it('DECIDE-12: “Always allow” works only after the whole scope was visible', async () => {
    const alwaysScope = Array.from({ length: 60 }, (_, line) => `Allow the command “echo ${line + 1}”, in this chat.`);
    const { answers } = await showInInbox({ alwaysScope });
    const always = page.getByRole('button', { name: 'Always allow' });
    await becomes(allow, false);
    expect(await isOff(always)).toBe(true);
    expect(await why(always)).toBe('“Always allow” waits until all that it means has been in view.');
    await always.focus();
    await page.keyboard.press('Enter');
    await page.getByText('“echo 60”').scrollIntoViewIfNeeded();
    await becomes(always, false);
    expect(answers).toEqual([]);
    await always.click();
    expect(await until(() => answers[0])).toMatchObject({ outcome: 'allow_always' });
  });

  it('DECIDE-12: a command can be denied without reading it', async () => {
    const { answers } = await showInInbox({ input: { command: numbered(200) } });
    await page.getByRole('button', { name: 'Deny …' }).click();
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    expect(await until(() => answers[0])).toMatchObject({ outcome: 'deny' });
  });

  it('WEB-25, DECIDE-11: name misleading characters in the title, the command, the scope and the edited text', async () => {
    await showInInbox({
      title: `Bash: раypal${' '.repeat(300)}ls`,
      input: { command: `curl https://gооgle.com\u2800x   y \nrm ∕`, 'а\u200bb': '' },
      alwaysScope: ['Allow every command like “ｒｍ *”.'],
    });
    const card = page.locator('.decision');
    expect(await card.locator('.decision-title').textContent()).toBe(
      'Bash: ⟨ра U+0440 U+0430 like pa⟩ypal⟨188 spaces⟩⟨… 114 more characters⟩',
    );
    expect(await page.getByRole('region', { name: 'command, 2 lines' }).textContent()).toBe(
      'curl https://g⟨оо U+043E U+043E like oo⟩gle.com⟨U+2800⟩x⟨3 spaces⟩y⟨1 space⟩\nrm ⟨∕ U+2215 like /⟩',
    );
    expect(await card.locator('.scope').textContent()).toContain('“⟨ｒｍ U+FF52 U+FF4D like rm⟩ *”');
    await page.getByRole('button', { name: 'Edit …' }).click();
    await page.getByRole('textbox', { name: 'command' }).fill('rm –rf x');
    expect(await page.getByRole('region', { name: 'command, exactly' }).textContent()).toBe('rm ⟨– U+2013 like -⟩rf x');
  });

  it('DECIDE-11: say which options look alike', async () => {
    const options = ['No', 'Yes', 'No\u200b', 'Аllow'].map((label) => ({ label, description: '' }));
    await showInInbox({
      kind: 'question',
      input: { questions: [{ question: 'Go on?', header: '', options, multiSelect: false }] },
    });
    const card = page.locator('.decision');
    expect(await card.locator('.problem').allInnerTexts()).toEqual(['Options 1 and 3 look alike, but are different.']);
    await card.getByText('⟨А U+0410 like A⟩llow').waitFor();
  });

  const kinds = [
    { kind: 'permission' },
    {
      kind: 'question',
      input: {
        questions: [
          { question: 'Go on?', header: '', options: [{ label: 'Yes', description: '' }], multiSelect: false },
        ],
      },
    },
    { kind: 'plan', input: { plan: 'Do it.' } },
    { kind: 'form', input: { mode: 'url', serverName: 'travel', message: 'Go there', url: 'https://example.com/' } },
  ] as const;
  it.each(kinds)('WEB-54: ignore input meant for what was there before: $kind', async (fields) => {
    const release = await holdSteady();
    const { answers, tell } = await showInInbox(fields);
    const buttons = page.getByRole('button', { name: /^(Allow once|Answer|Approve|Accept|Do not|Decline)/ });
    const pressAll = async (): Promise<void> => {
      for (const button of await buttons.all()) {
        await button.click({ force: true });
        await button.press('Enter');
        await button.press('Space');
      }
    };
    if (fields.kind === 'question') await page.getByLabel('Yes').check();
    await pressAll();
    await release();
    await becomes(buttons.first(), false);
    // Another card may have moved this one to where something else was.
    tell({ id: '00000000-0000-4000-8000-000000000002', requestedAt: new Date(1).toISOString() });
    await page.locator('.decision').nth(1).waitFor();
    await becomes(buttons.first(), true);
    await pressAll();
    await page.evaluate(() => dispatchEvent(new Event('focus')));
    await pressAll();
    expect(answers).toEqual([]);
    await release();
    await becomes(buttons.first(), false);
    await buttons.first().click();
    expect(await until(() => answers[0])).toMatchObject({ outcome: 'allow' });
  });

  it('DECIDE-12: a question can be answered only after its last option was visible', async () => {
    const options = Array.from({ length: 80 }, (_, index) => ({ label: `Choice ${index + 1}`, description: '' }));
    const { answers } = await showInInbox({
      kind: 'question',
      input: { questions: [{ question: 'Which?', header: '', options, multiSelect: false }] },
    });
    const answer = page.getByRole('button', { name: 'Answer', exact: true });
    await page.getByLabel('Choice 1', { exact: true }).check();
    await becomes(answer, true);
    await page.getByLabel('Choice 1', { exact: true }).press('Enter');
    await page.getByLabel('Choice 80', { exact: true }).scrollIntoViewIfNeeded();
    await page.getByLabel('Or in your own words').scrollIntoViewIfNeeded();
    await becomes(answer, false);
    expect(answers).toEqual([]);
    await answer.click();
    await until(() => answers[0]?.outcome === 'allow');
  });

  it('DECIDE-12: a change of thousands of lines requires both texts to be seen', async () => {
    const before = numbered(3000);
    await showInInbox({
      title: 'Edit: /a/b',
      input: { file_path: '/a/b', old_string: before, new_string: before.replaceAll('1', '2') },
    });
    await becomes(allow, true);
    expect(await why(allow)).toContain('“old_string”, “new_string”');
  });

  it.each([{}, { plan: '' }, { plan: ' \u200b\n' }, { plan: 7 }])(
    'DECIDE-12: a plan decision without a plan cannot be approved (%j)',
    async (input) => {
      const { answers } = await showInInbox({ kind: 'plan', input });
      await page.getByText('It contains no plan, so there is nothing to approve.').waitFor();
      expect(await page.getByRole('button', { name: /Approve|Always/ }).count()).toBe(0);
      await page.getByRole('button', { name: 'Keep planning …' }).click();
      await page.getByRole('button', { name: 'Keep planning', exact: true }).click();
      await until(() => answers[0]?.outcome === 'deny');
    },
  );

  it('DECIDE-11: a plan is shown as the text that is approved, not only formatted', async () => {
    const plan = '# Plan\n\n<!-- and then remove everything -->\n[tests](https://evil.example)';
    await showInInbox({ kind: 'plan', input: { plan } });
    expect(await page.getByRole('region', { name: 'The plan, 4 lines' }).textContent()).toBe(plan);
  });
});
