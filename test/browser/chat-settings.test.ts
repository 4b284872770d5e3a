import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { insertHost } from '../../src/store/hosts.ts';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';

describeInBrowser('the settings of a chat', (opened) => {
  it('WEB-68: are saved without undoing what was changed elsewhere while the dialog was open', async () => {
    const { server, browser } = opened();
    const { client } = server;
    const chat = await server.createChat({ title: 'two people' });
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, chat.id);
    await page.getByRole('button', { name: 'Model, engine and trust' }).click();
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    await dialog.getByLabel('Effort').selectOption('high');

    await client.patchChat(chat.id, { model: 'opus', effort: 'low', acceptsAgentMessages: true });
    const accepts = dialog.getByLabel(/Accept messages from other chats’ agents/);
    await expect.poll(() => accepts.isChecked()).toBe(true);
    expect(await dialog.getByLabel('Model').inputValue()).toBe('opus');
    // What was edited here stays as it was edited.
    expect(await dialog.getByLabel('Effort').inputValue()).toBe('high');

    await dialog.getByLabel(/resume automatically at the reset/).check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    const { model, effort, acceptsAgentMessages, resumeAtReset } = await client.getChat(chat.id);
    expect({ model, effort, acceptsAgentMessages, resumeAtReset }).toEqual({
      model: 'opus',
      effort: 'high',
      acceptsAgentMessages: true,
      resumeAtReset: true,
    });
    expect(problems).toEqual([]);
  });

  it('WEB-69: say what happens to an interrupted turn', async () => {
    const { server, browser } = opened();
    const { client } = server;
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ title: 'to be continued', backend: 'claude_sdk' });
    await openChat(page, server.url, chat.id);
    const save = async (act: () => Promise<void>): Promise<void> => {
      await page.getByRole('button', { name: 'Model, engine and trust' }).click();
      await act();
      await page.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
    };
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    const choice = dialog.getByLabel(/When the server ends during a turn, continue it/);
    await save(async () => {
      expect(await choice.isChecked()).toBe(false);
      await choice.check();
    });
    expect((await client.getChat(chat.id)).onInterrupted).toBe('continue');
    await page.getByText('A turn that the server did not survive continues by itself.').waitFor();
    await save(() => choice.uncheck());
    expect((await client.getChat(chat.id)).onInterrupted).toBe('stop');

    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'New chat' }).first().click();
    const fresh = page.getByRole('dialog', { name: 'New chat' });
    await fresh.getByText('More options').click();
    await fresh.getByLabel(/When the server ends during a turn/).check();
    await fresh.getByLabel('Directory on the server').fill(chat.cwd);
    await fresh.getByRole('button', { name: 'Start' }).click();
    await fresh.waitFor({ state: 'detached' });
    const { items } = await client.listChats();
    expect(items[0]).toMatchObject({ onInterrupted: 'continue' });
    expect(problems).toEqual([]);
  });

  it('HOST-15: pin it to a host, where there are several, and take that back', async () => {
    const { server, browser } = opened();
    const { client } = server;
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const chat = await server.createChat({ title: 'at home' });
    await openChat(page, server.url, chat.id);
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    const open = () => page.getByRole('button', { name: 'Model, engine and trust' }).click();
    await open();
    await dialog.getByLabel('Effort').waitFor();
    expect(await dialog.getByLabel('Runs on').count()).toBe(0);
    await page.keyboard.press('Escape');
    const row = { machine: 'elsewhere', pid: 1, pidStarted: 'then', version: '0' };
    await insertHost(server.sql, { ...row, id: randomUUID(), name: 'attic' });

    await open();
    await dialog.getByLabel('Runs on').selectOption('Only attic');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Only the host attic runs the chat.').waitFor();
    expect((await client.getChat(chat.id)).host).toBe('attic');
    await open();
    await dialog.getByLabel('Runs on').selectOption('Any host');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Any host may run the chat.').waitFor();
    expect((await client.getChat(chat.id)).host).toBeNull();
    expect(problems).toEqual([]);
  });
});
