import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

describeInBrowser('trust of a directory', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('TRUST-5: covers only what was shown, and is requested again with the difference', async () => {
    const settings = join(server.workDir, '.claude', 'settings.json');
    await mkdir(join(server.workDir, '.claude'));
    const long = Array.from({ length: 60 }, (_, line) => `  "N${line}": "one"`).join(',\n');
    await writeFile(settings, `{"env": {\n${long}}}`);
    const chat = await server.createChat();
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, chat.id);
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    const open = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Model, engine and trust' }).click();
      await dialog.getByText('.claude/settings.json').waitFor();
    };
    const save = dialog.getByRole('button', { name: 'Save' });
    const toEnd = async (): Promise<void> => {
      await dialog.locator('.seen-end').last().scrollIntoViewIfNeeded();
      await until(async () => (await save.getAttribute('aria-disabled')) !== 'true');
    };
    const trust = async (): Promise<void> => {
      await dialog.getByLabel(/Trust this directory/).check();
      await toEnd();
      await save.click();
      await dialog.waitFor({ state: 'detached' });
    };

    await open();
    await dialog.getByLabel(/Trust this directory/).check();
    await until(async () => (await save.getAttribute('aria-disabled')) === 'true');
    await save.focus();
    await page.keyboard.press('Enter');
    await dialog.getByText('“.claude/settings.json” has been in view').waitFor();
    expect(await server.client.getTrust(chat.id)).toMatchObject({ holds: false });
    await trust();
    expect(await server.client.getTrust(chat.id)).toMatchObject({ trusted: true, holds: true });

    await writeFile(settings, '{"env": {"A": "\u202etwo"}}');
    await open();
    await dialog.getByRole('alert').getByText('has changed since it was trusted').waitFor();
    expect(await dialog.getByLabel(/Trust this directory/).isChecked()).toBe(false);
    await dialog.getByRole('region', { name: 'Change' }).waitFor();
    const now = dialog.getByRole('region', { name: '.claude/settings.json' });
    expect(await now.innerText()).toBe('{"env": {"A": "⟨U+202E⟩two"}}');
    await trust();
    expect(await server.client.getTrust(chat.id)).toMatchObject({ holds: true });

    // A change made during the review is refused, and shown.
    await writeFile(settings, '{"env": {"A": "three"}}');
    await open();
    await dialog.getByLabel(/Trust this directory/).check();
    await writeFile(settings, '{"env": {"A": "four"}}');
    await toEnd();
    await save.click();
    await dialog.getByText('The directory has changed since it was reviewed.').waitFor();
    await dialog.getByText('"four"').last().waitFor();
    await dialog.getByRole('button', { name: 'Stop trusting it' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await server.client.getChat(chat.id)).toMatchObject({ trusted: false });
    expect(problems.filter((problem) => !problem.includes('409'))).toEqual([]);
  });
});
