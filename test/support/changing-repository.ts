import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Changes } from '../../src/chats/changes/changes.ts';
import type { ChangesLimits } from '../../src/chats/changes/limits.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { BooError } from '../../src/protocol/error.ts';
import type { ChangingChat } from '../../src/chats/changes/changing-chat.ts';
import { gitEnvironment } from '../../src/chats/workspaces/git.ts';
import { git, initRepository } from './git-repository.ts';

interface RepositoryOptions {
  limits?: Partial<ChangesLimits>;
  isEmpty?: boolean;
  clock?: Clock;
}

/** A repository with a chat in it, and what records and tells its changes. */
export class ChangingRepository {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-changes-')));
  readonly top = join(this.root, 'repository');
  readonly dataDir = join(this.root, 'data');
  readonly changes: Changes;
  readonly chat: ChangingChat;
  readonly #clock: Clock | undefined;

  constructor({ limits, isEmpty = false, clock }: RepositoryOptions = {}) {
    mkdirSync(this.top);
    mkdirSync(this.dataDir);
    if (isEmpty) git(this.top, 'init', '-q', '-b', 'main');
    else initRepository(this.top);
    this.#clock = clock;
    this.changes = this.open(limits);
    this.chat = this.newChat();
  }

  open(limits: Partial<ChangesLimits> = {}, env: Record<string, string | undefined> = process.env): Changes {
    return new Changes({
      dataDir: this.dataDir,
      env: gitEnvironment(env),
      limits: { ...patient, ...limits },
      ...(this.#clock && { clock: this.#clock }),
    });
  }

  newChat(directory = this.top): ChangingChat {
    return { id: randomUUID(), directory, worktree: null };
  }

  git(...args: string[]): string {
    return git(this.top, ...args);
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.top, path)), { recursive: true });
    writeFileSync(join(this.top, path), content);
  }

  commit(files: Record<string, string | Buffer>): void {
    for (const [path, content] of Object.entries(files)) this.write(path, content);
    this.git('add', '-A');
    this.git('commit', '-q', '-m', 'More');
  }

  /** Starts a turn of the chat, and returns its id once its snapshot is taken. */
  async turn(chat = this.chat, changes = this.changes): Promise<string> {
    const turnId = randomUUID();
    await changes.atTurn(chat, turnId, Promise.resolve(true));
    return turnId;
  }

  /** `path: part` of each changed file. */
  async staged(): Promise<string[]> {
    const { files } = await this.changes.list(this.chat, 'head');
    return files.map(({ path, staged }) => `${path}: ${staged}`);
  }

  /** Why it was refused. */
  async reasonOf(work: Promise<unknown>): Promise<unknown> {
    return work.then(
      () => null,
      ({ details }: BooError) => details['reason'],
    );
  }

  /** `M path +1 -2` of each changed file. */
  async list(since = 'start', chat = this.chat): Promise<string[]> {
    const { files } = await this.changes.list(chat, since);
    return files.map(({ status, path, oldPath, added, removed, isBinary, isSubmodule }) => {
      const count = isSubmodule ? 'submodule' : isBinary ? 'binary' : `+${added} -${removed}`;
      return `${status} ${oldPath === undefined ? '' : `${oldPath} -> `}${path} ${count}`;
    });
  }

  async diff(path: string, since = 'start'): Promise<string> {
    return (await this.changes.diff(this.chat, { since, path })).diff;
  }

  /** Everything of the person's that a snapshot must leave as it is. */
  state(): string {
    const of = (path: string): string => readFileSync(join(this.top, '.git', path)).toString('base64');
    const logs = readdirSync(join(this.top, '.git/logs'), { recursive: true, encoding: 'utf8' });
    const refs = this.git('for-each-ref', '--format=%(refname) %(objectname)').split('\n');
    return JSON.stringify({
      files: readdirSync(join(this.top, '.git')).toSorted(),
      index: of('index'),
      head: of('HEAD'),
      logs: logs.toSorted(),
      stash: this.git('stash', 'list'),
      reflog: this.git('reflog', 'show', '--all'),
      refs: refs.filter((line) => !line.startsWith('refs/boocode/')),
    });
  }

  /** Names of the chat's snapshots. */
  snapshots(chat = this.chat): string[] {
    const names = this.git('for-each-ref', '--format=%(refname)', `refs/boocode/${chat.id}/`);
    return names.split('\n').flatMap((name) => (name === '' ? [] : [name.slice(`refs/boocode/${chat.id}/`.length)]));
  }

  async close(): Promise<void> {
    await this.changes.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Limits that are reached only if something hangs. */
const patient: ChangesLimits = {
  waitMs: 60_000,
  firstWaitMs: 60_000,
  snapshotMs: 60_000,
  readMs: 60_000,
  writeMs: 60_000,
  rewindMs: 60_000,
  maxFileBytes: 50 * 1024 * 1024,
};
