import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import type { Chat } from '../../src/protocol/chat.ts';
import { openPage, type PageOptions, signIn, type WatchedPage } from './browser.ts';
import { git, initRepository } from './git-repository.ts';
import type { TestServer } from './server.ts';
import { runTurn } from './turns.ts';

export const phone = { width: 390, height: 780 };
export const desk = { width: 1440, height: 900 };
export const numbers = Array.from({ length: 60 }, (_, at) => `line ${at + 1}`);

export const diffOf = (page: Page): Locator => page.getByRole('region', { name: /^Changes of/ });
export const row = (page: Page, name: string | RegExp): Locator => page.getByRole('treeitem', { name });
export const number = (page: Page, side: string, line: number): Locator =>
  diffOf(page).locator(`[data-side=${side}][data-number="${line}"]`);

export interface ChangedRepository {
  top: string;
  write: (path: string, text: string | Buffer) => Promise<void>;
  chat: Chat;
}

/** A repository of its own with these files, and a chat in it whose first turn has ended. */
export async function openRepository(
  server: TestServer,
  files: Record<string, string | Buffer>,
): Promise<ChangedRepository> {
  const top = await mkdtemp(join(server.workDir, 'repository-'));
  initRepository(top);
  git(top, 'config', 'user.name', 'Test');
  git(top, 'config', 'user.email', 'test@example.com');
  const write = async (path: string, text: string | Buffer): Promise<void> => {
    await mkdir(join(top, path, '..'), { recursive: true });
    await writeFile(join(top, path), text);
  };
  for (const [path, text] of Object.entries(files)) await write(path, text);
  git(top, 'add', '-A');
  git(top, 'commit', '-q', '-m', 'Files');
  const chat = await server.createChat({ cwd: top, title: 'Changing' });
  await runTurn(server.client, chat.id, 'stream 3 tokens');
  return { top, write, chat };
}

export async function openChanges(
  { browser, server }: { browser: Browser; server: TestServer },
  chatId: string,
  options: PageOptions = {},
): Promise<WatchedPage> {
  const watched = await openPage(browser, { size: desk, ...options });
  await signIn(watched.page, server.running.signInLink());
  await watched.page.goto(`${server.url}/#/chat/${chatId}/changes`);
  await watched.page.locator('.changes-total', { hasText: 'file' }).waitFor();
  return watched;
}
