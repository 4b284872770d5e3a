/**
 * The only place that decides which directories of this machine the server works in, and which it shows: for chats, their
 * moves and worktrees, for clones and mapped directories, for changes, and for completion.
 *
 * With workspace roots these are the roots and what is below them. Without, it is everything except what no project is in:
 * the system's own files, keys and sign-ins, and other people's homes. A root that is, or is inside, one of those allows it.
 * Paths are compared by their real path; of a path that does not exist that is the one of its deepest existing ancestor.
 */
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { overlapOf } from '../lib/directory-overlap.ts';
import { isWithin } from '../lib/is-within.ts';
import { BooError } from '../protocol/error.ts';

export interface WorkPlacesOptions {
  dataDir: string;
  /** Where the server works at all; none: wherever no place forbids it. */
  roots?: readonly string[];
  /** Directories of the agents' programs, with their sign-ins. */
  programs?: readonly string[];
  /** The user that the server runs as. */
  user?: { uid: number; homes: readonly string[] };
  /** Where people's homes are. */
  homesIn?: readonly string[];
}

interface Forbidden {
  path: string;
  what: string;
}

const system = ['/proc', '/sys', '/dev', '/etc', '/boot', '/run', '/var/run'];
/** Where desktops mount what people plug in. */
const exempt = ['/run/media'];
const rootsHomes = ['/root', '/var/root'];
const keys = (
  '.ssh,.gnupg,.aws,.azure,.kube,.docker,.oci,.terraform.d,.password-store,.pki,.config/gcloud,.config/gh,' +
  '.config/op,.config/rclone,.config/sops,.local/share/keyrings,.mozilla,.thunderbird,.config/google-chrome,' +
  '.config/chromium,Library/Keychains,.claude,.codex,.gemini'
).split(',');
const maxLinks = 40;

export class WorkPlaces {
  /** As they were named. */
  readonly roots: readonly string[];
  readonly dataDir: string;
  readonly #user: { uid: number; homes: readonly string[] };
  readonly #homesIn: readonly string[];
  readonly #forbidden: readonly Forbidden[];

  constructor({ dataDir, roots = [], programs = [], user, homesIn }: WorkPlacesOptions) {
    this.dataDir = dataDir;
    this.roots = roots;
    this.#user = user ?? { uid: process.getuid?.() ?? -1, homes: ownHomes() };
    this.#homesIn = homesIn ?? ['/home', '/Users'];
    const keysOf = (home: string): string[] => keys.map((name) => join(home, name));
    this.#forbidden = [
      ...system.map((path) => ({ path, what: 'which has the system’s own files' })),
      ...[...this.#user.homes.flatMap(keysOf), ...programs].map((path) => ({
        path,
        what: 'which has keys or sign-ins',
      })),
    ];
  }

  /** Throws `cwd_invalid` if no agent may work there. The path need not exist. */
  async assert(path: string): Promise<void> {
    const problem = await this.problemOf(path);
    if (problem !== null) throw new BooError('cwd_invalid', `cwd: ${problem}`, { details: { field: 'cwd' } });
  }

  /** Why no agent may work there; null if one may. */
  async problemOf(path: string): Promise<string | null> {
    return (await overlapProblem(path, this.dataDir)) ?? (await this.problemOfPlace(path));
  }

  /** Without regard to the data directory. */
  async problemOfPlace(path: string): Promise<string | null> {
    const [real, bounds] = await Promise.all([realPathOf(path), this.#bounds()]);
    if (!isInRoots(real, bounds))
      return (
        `${path} is outside of the directories that this server works in (${this.roots.join(', ')}): choose one of those, ` +
        'or start the server with --workspace-root for this one as well (BOOCODE_WORKSPACE_ROOTS)'
      );
    const found = await this.#forbids(real, bounds);
    if (found === null) return null;
    return (
      `${path} ${found.how} ${found.how === 'is' ? 'a directory' : `${found.path},`} ${found.what}: choose another directory, ` +
      'or name all directories that the server works in with --workspace-root (BOOCODE_WORKSPACE_ROOTS), this one included'
    );
  }

  /**
   * Tells of real paths whether the directory may be shown: one that may be worked in, or one on the way to it. As things are
   * now.
   */
  async shown(): Promise<(real: string) => Promise<boolean>> {
    const [bounds, dataDir] = await Promise.all([this.#bounds(), realPathOf(this.dataDir)]);
    const leadsToRoot = (real: string): boolean => bounds.roots.some((root) => isWithin(root, real));
    return async (real) => {
      if (leadsToRoot(real)) return true;
      if (!isInRoots(real, bounds) || isWithin(real, dataDir)) return false;
      const found = await this.#forbids(real, bounds);
      return found === null || found.how === 'holds';
    };
  }

  /** Why something of a repository is out of bounds; null if nothing is. Only roots bound a repository. */
  async problemOfRepository(paths: readonly string[]): Promise<string | null> {
    if (this.roots.length === 0) return null;
    const bounds = await this.#bounds();
    for (const path of paths) {
      if (!isInRoots(await realPathOf(path), bounds))
        return `The repository reaches outside of the directories that this server works in: ${path} is not in ${this.roots.join(', ')}.`;
    }
    return null;
  }

  /** The real paths of all that bounds the server's work. */
  async #bounds(): Promise<Bounds> {
    const [roots, own, homesIn, ofRoot, forbidden] = await Promise.all([
      realPathsOf(this.roots),
      realPathsOf(this.#user.homes),
      realPathsOf(this.#homesIn),
      realPathsOf(rootsHomes),
      Promise.all(
        this.#forbidden.map(async ({ path, what }) => {
          const real = await realPathOf(path);
          return { path: real, what, exists: await isThere(real) };
        }),
      ),
    ]);
    return { roots, own, homesIn, ofRoot, forbidden };
  }

  async #forbids(real: string, bounds: Bounds): Promise<Found | null> {
    const { roots, forbidden } = bounds;
    if (exempt.some((path) => isWithin(real, path))) return null;
    const isNamed = (place: string): boolean => roots.some((root) => isWithin(root, place) && isWithin(real, root));
    for (const { path, what, exists } of forbidden) {
      if (isWithin(real, path)) {
        if (!isNamed(path)) return { path, what, how: real === path ? 'is' : 'lies in' };
      } else if (roots.length === 0 && exists && isWithin(path, real)) {
        return { path, what, how: 'holds' };
      }
    }
    // A root that has people's homes says that this is about them.
    return roots.length > 0 ? null : this.#foreignHome(real, bounds);
  }

  async #foreignHome(real: string, { own, homesIn, ofRoot }: Bounds): Promise<Found | null> {
    const what = 'which is another person’s home';
    const isForeign = async (home: string): Promise<boolean> =>
      !own.some((each) => isWithin(each, home)) && (ofRoot.includes(home) || (await this.#isOthers(home)));
    const at = homesIn.find((parent) => isWithin(real, parent));
    if (at === real) {
      for (const name of await readdir(real).catch(() => [])) {
        const home = join(real, name);
        if (await isForeign(home)) return { path: home, what, how: 'holds' };
      }
    }
    const inParent = at === undefined || at === real ? [] : [join(at, real.slice(at.length + 1).split(sep)[0] ?? '')];
    for (const home of [...inParent, ...ofRoot.filter((place) => isWithin(real, place))]) {
      if (await isForeign(home)) return { path: home, what, how: real === home ? 'is' : 'lies in' };
    }
    return null;
  }

  /** What belongs to the system's own user is shared, and nobody's home. */
  async #isOthers(home: string): Promise<boolean> {
    const owner = (await stat(home).catch(() => null))?.uid;
    return owner !== undefined && owner !== this.#user.uid && owner !== 0;
  }
}

interface Bounds {
  roots: string[];
  own: string[];
  homesIn: string[];
  ofRoot: string[];
  forbidden: (Forbidden & { exists: boolean })[];
}

type Found = Forbidden & { how: 'is' | 'lies in' | 'holds' };

const isInRoots = (real: string, { roots }: Bounds): boolean =>
  roots.length === 0 || roots.some((root) => isWithin(real, root));

const realPathsOf = (paths: readonly string[]): Promise<string[]> => Promise.all(paths.map((path) => realPathOf(path)));

function ownHomes(): string[] {
  try {
    return [...new Set([homedir(), userInfo().homedir])];
  } catch {
    // A user without an entry in the list of users.
    return [homedir()];
  }
}

/** Of what does not exist yet: it would lie where its deepest existing parent lies. */
async function overlapOfParent(path: string, dataDir: string): Promise<'lies in' | null> {
  let real = await realPathOf(path);
  if (await isThere(real)) return null;
  while (!(await isThere(real))) real = dirname(real);
  return ['is', 'lies in'].includes((await overlapOf(real, dataDir)) ?? '') ? 'lies in' : null;
}

const isThere = async (path: string): Promise<boolean> => (await lstat(path).catch(() => null)) !== null;

async function overlapProblem(path: string, dataDir: string): Promise<string | null> {
  const overlap = (await overlapOf(path, dataDir)) ?? (await overlapOfParent(path, dataDir));
  if (overlap === null) return null;
  const choose = overlap === 'holds' ? 'choose a directory further down' : 'choose another directory';
  return (
    `${path} ${overlap} the server’s data directory${overlap === 'is' ? '' : ` ${dataDir}`}, whose token and database are not ` +
    `for agents: ${choose}, or start the server with another --data-dir`
  );
}

/** The real path, as far as it exists. Where a link leads to nothing, it is where it leads. */
export async function realPathOf(path: string, links = 0): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    if (!(error instanceof Error && 'errno' in error)) throw error;
  }
  const parent = dirname(absolute);
  if (parent === absolute) return absolute;
  const target = links < maxLinks ? await readlink(absolute).catch(() => null) : null;
  const above = await realPathOf(parent, links);
  return target === null ? join(above, basename(absolute)) : realPathOf(resolve(above, target), links + 1);
}
