/**
 * Where chats' directories are on this host. The same path may hold something else here, and the same repository may be at
 * another path: an agent starts only in a directory that is known to be the chat's.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isWithin } from '../../lib/is-within.ts';
import { type BooError, toBooError } from '../../protocol/error.ts';
import type { StoredWorkspace, StoredWorktree } from '../../store/chats.ts';
import type { PlacedChat } from '../../store/workspaces.ts';
import { Changes } from '../changes/changes.ts';
import { WorkPlaces } from '../work-places.ts';
import { type Checkout, readCheckout } from './checkout.ts';
import { type Clone, Clones, workspaceMissing } from './clones.ts';
import { type GitEnvironment, gitEnvironment } from './git.ts';
import { repositoryKey } from './remote.ts';
import { mapWorkspace, type WorkspaceMapping } from './workspace-map.ts';

export interface WorkspacesOptions {
  dataDir: string;
  /** Where the server works at all. */
  places?: WorkPlaces;
  env: Readonly<Record<string, string | undefined>>;
  mappings?: readonly WorkspaceMapping[];
  /** Whether this host clones what it lacks. */
  clones?: boolean;
  /** How long a request waits for a clone. */
  cloneWaitMs?: number;
}

/** Where a chat's agent works on this host. */
export interface Place {
  /** The chat's own directory if it is not here. */
  directory: string;
  /** Why the directory cannot be used here: `workspace_missing`. */
  missing?: BooError;
}

/** A directory, as it is now. */
export interface Looked {
  workspace: StoredWorkspace;
  checkout: Checkout | null;
  /** False if git could not tell whether the directory is in a repository. */
  isSure: boolean;
}

type Whereabouts = Pick<PlacedChat, 'cwd' | 'workspace' | 'agentDirectory'> & Partial<Pick<PlacedChat, 'worktree'>>;

export class Workspaces {
  /** This host, as far as files are concerned. */
  readonly here: string;
  /** What changes in them. */
  readonly changes: Changes;
  readonly dataDir: string;
  readonly places: WorkPlaces;
  readonly #stop = new AbortController();
  readonly #env: GitEnvironment;
  readonly #mappings: readonly WorkspaceMapping[];
  readonly #clones: Clones | null;

  constructor({ dataDir, places, env, mappings = [], clones = false, cloneWaitMs }: WorkspacesOptions) {
    this.here = createHash('sha256').update(`${hostname()}\n${dataDir}`).digest('hex').slice(0, 16);
    this.#env = gitEnvironment(env);
    this.dataDir = dataDir;
    this.places = places ?? new WorkPlaces({ dataDir });
    this.changes = new Changes({ dataDir, env: this.#env, places: this.places });
    this.#mappings = mappings;
    this.#clones = clones
      ? new Clones({ places: this.places, env: this.#env, ...(cloneWaitMs !== undefined && { waitMs: cloneWaitMs }) })
      : null;
  }

  get gitEnvironment(): GitEnvironment {
    return this.#env;
  }

  /** Aborted when the host stops. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** What to store about a chat's directory; null if it is gone. */
  async look(directory: string): Promise<Looked | null> {
    const found = await stat(directory, { bigint: true }).catch(() => null);
    if (!found) return null;
    let isSure = true;
    const checkout = await readCheckout(directory, this.#env).catch(() => {
      isSure = false;
      return null;
    });
    const { remote = null, branch = null, inside = '' } = checkout ?? {};
    const path = remote === null ? directory : inside;
    const workspace = { remote, branch, path, directoryId: identityOf(found), seenBy: this.here };
    return { workspace, checkout, isSure };
  }

  /** Which of the mapped directories exist here: what they are called elsewhere. */
  async present(): Promise<string[]> {
    const found = await Promise.all(
      this.#mappings.map(async ({ from, to }) => ((await isDirectory(to)) ? [from] : [])),
    );
    return found.flat();
  }

  /** Where the chat's directory is here. Clones nothing. */
  async locate(chat: Whereabouts): Promise<Place> {
    // Another checkout of its repository is not the chat's own working tree.
    if (chat.worktree && isWithin(chat.cwd, chat.worktree.path) && chat.worktree.seenBy !== this.here)
      return { directory: chat.cwd, missing: onlyElsewhere(chat, chat.worktree) };
    const candidates = this.#candidates(chat);
    const problems: string[] = [];
    for (const candidate of candidates) {
      const problem = await this.#problemOf(candidate, chat);
      if (problem === null) return { directory: await realpath(candidate) };
      problems.push(problem);
    }
    const { cwd, workspace } = chat;
    const wasHere = workspace === null || workspace.seenBy === this.here;
    // Its agent says that the directory is gone, and the chat can be moved.
    if (wasHere && !(await exists(candidates[0]!))) return { directory: candidates[0]! };
    return { directory: cwd, missing: missing(chat, problems) };
  }

  /**
   * Clones the repository of a chat that is not here, if this host may. Resolves once it is here; throws
   * `workspace_missing` if it will not be, or not soon.
   */
  async bring(chat: Whereabouts, error: BooError): Promise<void> {
    const { workspace } = chat;
    const [directory] = this.#candidates(chat);
    if (chat.worktree && isWithin(chat.cwd, chat.worktree.path)) throw error;
    if (!this.#clones || !workspace || workspace.remote === null || directory === undefined) throw error;
    if (await exists(directory)) throw error;
    await this.#clones.clone({ directory, remote: workspace.remote, branch: workspace.branch, inside: workspace.path });
  }

  /** The clone that this host made here, if it did. `top`: its real path. */
  cloneOf(top: string): Clone | undefined {
    return this.#clones?.made(top);
  }

  /** Ends what is being cloned or recorded. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the host stops'));
    await Promise.all([this.#clones?.close(), this.changes.close()]);
  }

  #candidates({ cwd, workspace, worktree }: Whereabouts): string[] {
    if (worktree && isWithin(cwd, worktree.path)) return [cwd];
    const { remote, inside } = { remote: workspace?.remote ?? null, inside: workspace?.path ?? '' };
    return [...new Set([...mapWorkspace(this.#mappings, { cwd, remote, inside }), cwd])];
  }

  /** Why this is not the chat's directory; null if it is. */
  async #problemOf(candidate: string, chat: Whereabouts): Promise<string | null> {
    const { cwd, workspace } = chat;
    const found = await stat(candidate, { bigint: true }).catch(() => null);
    const isMapped = candidate !== cwd;
    // Of the chat's own directory its agent says so.
    const refused = isMapped ? await this.places.problemOf(candidate) : null;
    if (refused !== null) return refused;
    if (found?.isDirectory() !== true) return `${candidate} does not exist`;
    // A chat of an earlier version: its path is all that is known.
    if (workspace === null) return null;
    if (!isMapped && workspace.directoryId !== null && identityOf(found) === workspace.directoryId) return null;
    try {
      return (await this.#otherRepository(candidate, workspace, isMapped)) ?? (await this.#strayWorktree(chat));
    } catch (error) {
      return `git cannot tell what is in ${candidate} (${toBooError(error).message})`;
    }
  }

  async #otherRepository(directory: string, workspace: StoredWorkspace, isMapped: boolean): Promise<string | null> {
    // Nothing but its path says what it is, and a person has said where that is here.
    if (workspace.remote === null && isMapped) return null;
    const checkout = await readCheckout(directory, this.#env);
    const { remote = null, keys = [], inside = '' } = checkout ?? {};
    const isSame = workspace.remote === null ? remote === null : keys.includes(repositoryKey(workspace.remote));
    if (!isSame) {
      if (remote !== null) return `${directory} is a checkout of ${remote}`;
      return checkout ? `${directory} is a repository without a remote` : `${directory} is not in a git repository`;
    }
    if (workspace.remote === null || inside === workspace.path) return null;
    return `${directory} is another directory of that repository`;
  }

  /** The agent resumes in its last worktree, if there is a directory at that path: here it may be another repository's. */
  async #strayWorktree({ workspace, agentDirectory }: Whereabouts): Promise<string | null> {
    const worktree = agentDirectory?.worktree ?? null;
    if (worktree === null || !(await isDirectory(worktree))) return null;
    const remote = workspace?.remote ?? null;
    const keys = (await readCheckout(worktree, this.#env))?.keys ?? [];
    return remote !== null && keys.includes(repositoryKey(remote)) ? null : `${worktree} is not the chat’s worktree`;
  }
}

function missing({ cwd, workspace }: Whereabouts, problems: readonly string[]): BooError {
  const { remote = null, branch = null } = workspace ?? {};
  const repository = remote === null ? '' : ` (${remote}${branch === null ? '' : `, branch ${branch}`})`;
  const ways =
    'Use the host that has it, say with --workspaces where it is on this one, let this one clone it with --clone, or move the chat to a directory of this host with `boocode move`.';
  return workspaceMissing(
    `This host does not have the chat’s directory ${cwd}${repository}: ${problems.join(', and ')}. ${ways}`,
    {
      cwd,
      remote,
      branch,
    },
  );
}

function onlyElsewhere({ cwd }: Whereabouts, { path, branch, repository }: StoredWorktree): BooError {
  const ways =
    'Use that host, or move the chat to a directory of this one with `boocode move`; the branch can be had by git, if it was pushed.';
  return workspaceMissing(
    `The chat has its own worktree ${path} (branch ${branch}) of ${repository}, which is on another host. ${ways}`,
    { cwd, branch },
  );
}

/** Equal only for the very same directory: a number that is never reused together with its time. */
function identityOf({ ino, birthtimeNs }: BigIntStats): string | null {
  return birthtimeNs > 0n ? `${ino}:${birthtimeNs}` : null;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}
