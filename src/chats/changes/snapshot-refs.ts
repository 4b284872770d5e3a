/**
 * Snapshots are commits that only a reference of ours holds: `refs/boocode/<chat>/<turn>`, `…/start`, and before files were
 * rewound `…/rewind/<id>`. Their parent is the commit that was checked out, so that the repository keeps that too.
 */
import { createHash } from 'node:crypto';
import type { LeftOut } from '../../protocol/changes.ts';
import { complaint, git, type GitEnvironment } from '../workspaces/git.ts';
import type { PrivateGit } from './private-git.ts';
import type { Repository } from './repository.ts';

export interface Snapshot {
  oid: string;
  /** The commit that was checked out. */
  head: string | null;
  takenAt: string;
  turnId: string | null;
  leftOut: LeftOut[];
  /** The top of the working tree. */
  top: string | null;
  /** In milliseconds, where it was recorded. */
  at: number | null;
}

export const startName = 'start';
export const rewindName = (rewindId: string): string => `rewind/${rewindId}`;
const maxLeftOut = 100;
const person = 'BooCode <boocode@localhost>';

export type Place = Pick<Repository, 'top'>;

/** The commit that is checked out; null if there is none yet. */
export async function readHead({ top }: Place, env: GitEnvironment): Promise<string | null> {
  const head = await git(['rev-parse', '--quiet', '--verify', 'HEAD^{commit}'], { cwd: top, env });
  return head.code === 0 ? head.stdout.trim() : null;
}

export interface NewSnapshot {
  tree: string;
  head: string | null;
  /** Null if it is taken before files are rewound. */
  turnId: string | null;
  leftOut: readonly LeftOut[];
  at: Date;
}

/** Of the reference to the state at the end of a turn. */
export const endSuffix = '-end';

/** The state at the start or the end of a turn of any chat. */
export interface Moment {
  chatId: string;
  turnId: string;
  isEnd: boolean;
  at: number;
  tree: string;
  head: string | null;
}

/** Linked working trees have one store of references. */
const treeName = (top: string): string => createHash('sha256').update(top).digest('hex').slice(0, 16);
const maxMoments = 1_000;

/** The latest ones of this working tree, the oldest first. */
export async function readMoments({ top }: Place, env: GitEnvironment): Promise<Moment[]> {
  const format = '%(refname)%00%(tree)%00%(parent)%00%(contents:body)';
  const args = ['for-each-ref', '--sort=-creatordate', `--count=${maxMoments}`, `--format=${format}`, 'refs/boocode/'];
  const { stdout } = await git(args, { cwd: top, env, maxBytes: 16 * 1024 * 1024 });
  const moments = stdout.split('\n').flatMap((line) => momentIn(line, top) ?? []);
  // A turn begins after another one has ended, if both have the same state.
  return moments.toSorted((one, other) => one.at - other.at || Number(other.isEnd) - Number(one.isEnd));
}

/** An agent can make such references too, with anything in them. */
export function momentIn(line: string, top: string): Moment | undefined {
  const [name = '', tree = '', parent = '', facts = ''] = line.split('\0');
  const [, chatId, turn] = /^refs\/boocode\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
  if (chatId === undefined || turn === undefined || turn === startName) return undefined;
  const { at, workingTree } = factsIn(facts);
  if (typeof at !== 'number' || workingTree !== treeName(top)) return undefined;
  const isEnd = turn.endsWith(endSuffix);
  const turnId = isEnd ? turn.slice(0, -endSuffix.length) : turn;
  return { chatId, turnId, isEnd, at, tree, head: parent === '' ? null : parent };
}

function factsIn(text: string): Partial<Facts> {
  try {
    return text.startsWith('{') ? (JSON.parse(text) as Partial<Facts>) : {};
  } catch {
    return {};
  }
}

interface Facts {
  turnId: string | null;
  top: string;
  leftOut: LeftOut[];
  at: number;
  workingTree: string;
}

/** Writes the commit. No name is asked for, and nothing is signed. */
export async function writeSnapshot(
  own: PrivateGit,
  { tree, head, turnId, leftOut, at }: NewSnapshot,
): Promise<string> {
  const { top } = own.repository;
  const facts = JSON.stringify({
    turnId,
    top,
    leftOut: leftOut.slice(0, maxLeftOut),
    at: at.getTime(),
    workingTree: treeName(top),
  });
  const moment = turnId === null ? 'before files were rewound' : 'at the start of a turn';
  const when = `${person} ${Math.floor(at.getTime() / 1_000)} +0000`;
  const lines = [
    `tree ${tree}`,
    ...(head === null ? [] : [`parent ${head}`]),
    `author ${when}`,
    `committer ${when}`,
    '',
    `The working tree ${moment}\n\n${facts}\n`,
  ];
  const input = Buffer.from(lines.join('\n'));
  const written = await own.run(['hash-object', '-t', 'commit', '-w', '--stdin'], { input });
  return written.stdout.toString('utf8').trim();
}

const refOf = (chatId: string, name: string): string => `refs/boocode/${chatId}/${name}`;

export async function findSnapshot(
  place: Place,
  env: GitEnvironment,
  chatId: string,
  name: string,
): Promise<string | null> {
  const found = await git(['rev-parse', '--quiet', '--verify', refOf(chatId, name)], { cwd: place.top, env });
  return found.code === 0 ? found.stdout.trim() : null;
}

export async function readSnapshot(own: PrivateGit, oid: string): Promise<Snapshot> {
  return parseSnapshot(oid, (await own.run(['cat-file', 'commit', oid])).stdout.toString('utf8'));
}

/** The top of the working tree that it was taken of. */
export async function topOfSnapshot({ top }: Place, env: GitEnvironment, oid: string): Promise<string> {
  const found = await git(['cat-file', 'commit', oid], { cwd: top, env });
  if (found.code !== 0) throw new Error(complaint(found));
  return parseSnapshot(oid, found.stdout).top ?? top;
}

function parseSnapshot(oid: string, text: string): Snapshot {
  const [header = '', , facts = '{}'] = text.split('\n\n');
  const { turnId = null, top = null, leftOut = [], at = null } = JSON.parse(facts) as Partial<Facts>;
  const seconds = Number(/^committer .* (\d+) \+0000$/m.exec(header)?.[1] ?? 0);
  const head = /^parent (\S+)$/m.exec(header)?.[1] ?? null;
  return { oid, head, takenAt: new Date(seconds * 1_000).toISOString(), turnId, leftOut, top, at };
}

/** How many commits have been made since that one was checked out; null if it is no ancestor of the present one. */
export async function countCommits(
  { top }: Place,
  env: GitEnvironment,
  then: string | null,
  now: string | null,
): Promise<number | null> {
  if (then === now) return 0;
  if (now === null) return null;
  const options = { cwd: top, env };
  if (then !== null && (await git(['merge-base', '--is-ancestor', then, now], options)).code !== 0) return null;
  const range = then === null ? now : `${then}..${now}`;
  const counted = await git(['rev-list', '--count', range, '--'], options);
  return counted.code === 0 ? Number(counted.stdout) : null;
}

/** Without entries in a reflog, whatever the repository configures. */
const quietly = ['-c', 'core.logAllRefUpdates=false', 'update-ref', '--stdin'];

export async function setSnapshots(
  { top }: Place,
  env: GitEnvironment,
  { chatId, oid, names }: { chatId: string; oid: string; names: readonly string[] },
): Promise<void> {
  const input = Buffer.from(names.map((name) => `update ${refOf(chatId, name)} ${oid}\n`).join(''));
  const result = await git(quietly, { cwd: top, env, input });
  if (result.code !== 0) throw new Error(complaint(result));
}

/** Of the whole chat. */
export async function removeSnapshots({ top }: Place, env: GitEnvironment, chatId: string): Promise<void> {
  const listed = await git(['for-each-ref', '--format=%(refname)', `refs/boocode/${chatId}/`], {
    cwd: top,
    env,
    maxBytes: 16 * 1024 * 1024,
  });
  if (listed.code !== 0) throw new Error(complaint(listed));
  const names = listed.stdout.split('\n').filter(Boolean);
  if (names.length === 0) return;
  const input = Buffer.from(names.map((name) => `delete ${name}\n`).join(''));
  const result = await git(quietly, { cwd: top, env, input });
  if (result.code !== 0) throw new Error(complaint(result));
}
