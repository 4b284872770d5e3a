import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('trust of a directory', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('TRUST-5: is given to what is shown, and asked for again with the difference', async () => {
    const settings = join(server.workDir, '.claude', 'settings.json');
    await mkdir(join(server.workDir, '.claude'));
    await writeFile(settings, '{"env": {"A": "one"}}');
    const chat = await server.createChat();
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, chat.id);
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    const open = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Model, engine and trust' }).click();
      await dialog.getByText('.claude/settings.json').waitFor();
    };
    const trust = async (): Promise<void> => {
      await dialog.getByLabel(/Trust this directory/).check();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
    };

    await open();
    await dialog.getByText('.claude/settings.json').click();
    await dialog.getByText('{"env": {"A": "one"}}').waitFor();
    await trust();
    expect(await server.client.getTrust(chat.id)).toMatchObject({ trusted: true, holds: true });

    await writeFile(settings, '{"env": {"A": "\u202etwo"}}');
    await open();
    await dialog.getByRole('alert').getByText('has changed since it was trusted').waitFor();
    expect(await dialog.getByLabel(/Trust this directory/).isChecked()).toBe(false);
    const change = dialog.getByRole('region', { name: 'Change' });
    expect(await change.innerText()).toMatch(/one[\s\S]*U\+202E[\s\S]*two/);
    await trust();
    expect(await server.client.getTrust(chat.id)).toMatchObject({ holds: true });
    expect(problems).toEqual([]);
  });
});
