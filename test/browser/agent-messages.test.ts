import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { conversation, openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { runTurn } from '../support/turns.ts';

describeInBrowser('AGENT-11 AGENT-12: messages from another chat’s agent', (opened) => {
  it('are turned on in the chat’s settings, and are shown as written, with their sender', async () => {
    const { server, browser } = opened();
    const { client } = server;
    const [sender, receiver] = await Promise.all(
      ['sender', 'receiver'].map(async (name) => {
        const cwd = join(server.workDir, name);
        await mkdir(cwd);
        const chat = await server.createChat({ cwd, title: name });
        await runTurn(client, chat.id, 'stream 2 tokens');
        return chat;
      }),
    );
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, receiver!.id);
    await page.getByRole('button', { name: 'Model, engine and trust' }).click();
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    await dialog.getByLabel(/Accept messages from other chats’ agents/).check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await conversation(page).getByText('Agents of other sessions can start turns here.').waitFor();

    const listed = await runTurn(client, sender!.id, 'call ListAgents: {}');
    const to = /receiver-\w+/.exec(listed.text)?.[0];
    const message = '**Hello** <img src=x onerror=hacked()> [x](javascript:hacked())';
    await runTurn(client, sender!.id, `call SendMessage: ${JSON.stringify({ to, summary: 'A message', message })}`);
    const shown = conversation(page).getByRole('article', { name: 'An agent of another session wrote' });
    await shown.getByText(message, { exact: true }).waitFor();
    expect(await shown.innerText()).toMatch(/^An agent of another session wrote \(sender-\w+\):/);
    expect(await conversation(page).getByRole('article', { name: 'You' }).allInnerTexts()).toEqual(['stream 2 tokens']);
    expect(problems).toEqual([]);
  });
});
