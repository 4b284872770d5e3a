import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openChat, openPage, say, signIn, turnsEnded } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';

/** Runs in the page: records the texts of the element that screen readers announce. */
function listen(): void {
  const spoken: string[] = [];
  Object.assign(globalThis, { spoken });
  const place = document.querySelector('.chat-column > [role=status].visually-hidden');
  if (!place) throw new Error('There is no such place.');
  new MutationObserver(() => spoken.push(place.textContent)).observe(place, {
    childList: true,
    characterData: true,
    subtree: true,
  });
}

describeInBrowser('the announcer for screen readers', (opened) => {
  it('WEB-29: announces each decision of a turn, and the end of every turn', async () => {
    const { server, browser } = opened();
    // Outside the chat's directory, the agent asks before it reads and before it writes.
    const outside = await mkdtemp(join(tmpdir(), 'boocode-outside-'));
    const { page, context, problems } = await openPage(browser);
    try {
      await writeFile(join(outside, 'a.txt'), 'one\n');
      await signIn(page, server.running.signInLink());
      const { id } = await server.createChat();
      await openChat(page, server.url, id);
      await page.evaluate(listen);
      await say(page, `edit ${join(outside, 'a.txt')}: one => two`);
      for (const tool of ['Read', 'Edit']) {
        await page
          .getByRole('region', { name: new RegExp(tool) })
          .first()
          .waitFor();
        await page.getByRole('button', { name: 'Allow once' }).click();
      }
      await turnsEnded(page, 1);
      await say(page, 'who are you');
      await turnsEnded(page, 2);
      const spoken = await page.evaluate(() => (globalThis as unknown as { spoken: string[] }).spoken);
      expect(spoken.filter((words) => words !== '')).toEqual([
        'The agent is working.',
        'A decision is waiting for you.',
        'A decision is waiting for you.',
        'The turn has ended.',
        'The agent is working.',
        'The turn has ended.',
      ]);
      expect(problems).toEqual([]);
    } finally {
      await context.close();
      await rm(outside, { recursive: true });
    }
  });
});
