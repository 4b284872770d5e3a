import { expect, it } from 'vitest';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';

describeInBrowser('WEB-68: the settings of a chat', (opened) => {
  it('are saved without undoing what was changed elsewhere while the dialog was open', async () => {
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
});
