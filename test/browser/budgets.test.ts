import { expect, it } from 'vitest';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

describeInBrowser('budgets', (opened) => {
  it('WEB-118 WEB-119: a chat’s budget is set in its settings, and raised where it holds prompts', async () => {
    const { server, browser } = opened();
    const { client } = server;
    const { id } = await server.createChat({ title: 'spends' });
    await runTurn(client, id, 'who are you');
    const watched = await openPage(browser);
    const { page } = watched;
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Model, engine and trust' }).click();
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    await dialog.getByText(/Spent so far: \$0\.0/).waitFor();
    await dialog.getByLabel('Budget in US dollars').fill('0.01');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect((await client.getChat(id)).budgetUsd).toBe(0.01);

    await client.prompt(id, { content: 'think' });
    const banner = page.getByRole('status', { name: 'Held prompts' });
    await banner.getByText(/The budget of this chat is spent: \$0\.\d+ of \$0\.01/).waitFor();
    await banner.getByLabel('Budget of this chat in US dollars').fill('3');
    await banner.getByRole('button', { name: 'Raise and go on' }).click();
    await banner.waitFor({ state: 'hidden' });
    expect((await client.getChat(id)).budgetUsd).toBe(3);
    await until(async () => (await client.getChat(id)).waiting === 0);
    expect(watched.problems).toEqual([]);
    await watched.context.close();
  });

  it('WEB-119 WEB-120: the budgets of all chats are set in the settings, and removed where they hold prompts', async () => {
    const { server, browser } = opened();
    const { client } = server;
    const { id } = await server.createChat({ title: 'spends, too' });
    await runTurn(client, id, 'who are you');
    const watched = await openPage(browser);
    const { page } = watched;
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Settings', exact: true }).click();
    const settings = page.getByRole('dialog', { name: 'Settings' });
    await settings
      .getByText(/Spent so far/)
      .first()
      .waitFor();
    await settings.getByLabel('On a day, in US dollars').fill('0.02');
    await settings.getByRole('button', { name: 'Save budgets' }).click();
    await settings.getByText('Saved.').waitFor();
    await settings.getByRole('button', { name: 'Close' }).click();
    expect(await client.getBudgets()).toMatchObject({
      day: { limitUsd: 0.02, isSet: true },
      server: { limitUsd: null },
    });

    await client.prompt(id, { content: 'think' });
    const banner = page.getByRole('status', { name: 'Held prompts' });
    await banner.getByText(/Today’s budget of all chats is spent/).waitFor();
    await banner.getByRole('button', { name: 'Remove the budget' }).click();
    await banner.waitFor({ state: 'hidden' });
    expect(await client.getBudgets()).toMatchObject({ day: { limitUsd: null } });
    expect(watched.problems).toEqual([]);
    await watched.context.close();
  });
});
