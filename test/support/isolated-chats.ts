import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Workspaces } from '../../src/chats/workspaces/workspaces.ts';
import type { Removal } from '../../src/chats/worktrees/remove.ts';
import type { Chat } from '../../src/protocol/chat.ts';
import type { MergeWorktree, NewWorktree, RebaseWorktree } from '../../src/protocol/worktree.ts';
import { listWorktrees } from '../../src/store/worktrees.ts';
import { type ChatsHost, openChatsHost } from './chats-host.ts';
import { git, initRepository } from './git-repository.ts';
import { anActor } from './owners-chats.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export const write = (at: string, files: Record<string, string>): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), text);
  }
};

export function commit(at: string, files: Record<string, string>, message = 'More'): string {
  write(at, files);
  git(at, 'add', '-A');
  git(at, 'commit', '-q', '-m', message);
  return git(at, 'rev-parse', 'HEAD');
}

/** `code: reason`, or `done`. */
export const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    ({ code, details }: { code: string; details: Record<string, unknown> }) =>
      `${code}: ${String(details['reason'] ?? details['because'])}`,
  );

/** A host whose chats get worktrees of real repositories. */
export class IsolatedChats {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-worktrees-')));
  readonly dataDir = join(this.root, 'data');
  /** The repository of this test. */
  top = '';
  number = 0;
  here!: ChatsHost;
  database!: TestDatabase;
  #workspaces!: Workspaces;

  async open(): Promise<void> {
    mkdirSync(this.dataDir);
    this.database = await createTestDatabase();
    this.#workspaces = this.workspacesOf(this.dataDir);
    this.here = await openChatsHost(this.database.url, { dataDir: this.dataDir, workspaces: this.#workspaces });
  }

  async close(): Promise<void> {
    await this.here.close();
    await this.#workspaces.close();
    await this.database.drop();
    rmSync(this.root, { recursive: true, force: true });
  }

  workspacesOf(dataDir: string, more: Partial<ConstructorParameters<typeof Workspaces>[0]> = {}): Workspaces {
    return new Workspaces({
      dataDir,
      env: { ...process.env, HOME: this.root, GIT_CONFIG_GLOBAL: '/dev/null' },
      ...more,
    });
  }

  newRepository(): void {
    this.top = join(this.root, `repo-${(this.number += 1)}`);
    mkdirSync(this.top);
    initRepository(this.top);
    git(this.top, 'config', 'user.name', 'Test');
    git(this.top, 'config', 'user.email', 'test@example.com');
  }

  create(worktree: NewWorktree = {}, { cwd = this.top, trusted = false } = {}): Promise<Chat> {
    return this.here.chats.createChat({ cwd, isolation: 'worktree', worktree, trusted });
  }

  merge(chat: Chat, how: MergeWorktree = {}) {
    return this.here.everyones.worktrees.merge(anActor, chat.id, how);
  }
  rebase(chat: Chat, how: RebaseWorktree = {}) {
    return this.here.everyones.worktrees.rebase(anActor, chat.id, how);
  }
  remove({ id }: Pick<Chat, 'id'>, how: Partial<Removal> = {}) {
    return this.here.everyones.worktrees.remove(anActor, id, { keepsBranch: false, discards: false, ...how });
  }

  /** What is recorded about this repository. */
  async recorded(): Promise<string[]> {
    const rows = await listWorktrees(this.here.sql);
    return rows.filter(({ place }) => place.repository === this.top).map(({ state }) => state);
  }

  /** Everything that a refused step must leave as it is. */
  state(): string {
    return JSON.stringify([
      git(this.top, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads'),
      git(this.top, 'worktree', 'list', '--porcelain'),
      git(this.top, 'status', '--porcelain'),
      readdirSync(this.root).filter((name) => name.startsWith(`repo-${this.number}.`)),
    ]);
  }

  /** Throws if our own git has left something behind. */
  assertTidy(): void {
    const left = readdirSync(this.dataDir).filter((name) => name.startsWith('worktree-git-'));
    if (left.length > 0) throw new Error(`Left behind: ${left.join(', ')}`);
  }
}
