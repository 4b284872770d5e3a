/**
 * Commits for a person. In a trusted directory that is `git commit` as on a command line, with hooks and signatures.
 * Otherwise the commit is put together without them, and what was not run is told.
 */
import { constants, existsSync } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CommittedChanges } from '../../protocol/changes.ts';
import { toBooError } from '../../protocol/error.ts';
import type { Unfinished } from '../../protocol/unfinished.ts';
import { complaint, type GitBytes } from '../workspaces/git.ts';
import { copyIndex } from './working-tree.ts';
import type { Hand } from './hand.ts';
import { indexLocked, refusalOf } from './hand.ts';
import { joined, keyOf } from './named-files.ts';
import { splitPaths } from './paths.ts';
import { refused } from './refused.ts';
import { emptyTrees } from './repository.ts';
import { withNextIndex } from './next-index.ts';
import { entriesIn, setEntries, stage } from './staging.ts';
import { findUnfinished, withArticle } from './unfinished.ts';

export interface CommitRequest {
  message: string;
  /** Exactly these; null commits what is staged. */
  paths: readonly Buffer[] | null;
  /** What has changed, to be staged first. It is staged only if the commit is made. */
  all: readonly Buffer[] | null;
  during: Unfinished | undefined;
  head: string | null;
}

type Committed = Omit<CommittedChanges, 'chatId'>;

export async function commit(hand: Hand, request: CommitRequest): Promise<Committed> {
  await assertFinished(hand, request);
  const skipped = hand.isTrusted ? [] : await skippedBy(hand);
  const made = await (hand.isTrusted ? commitAsPerson(hand, request) : commitPlainly(hand, request));
  const branch = text(await hand.ask(['symbolic-ref', '--quiet', '--short', 'HEAD'], { mayEndWith: [0, 1] }));
  const subject = text(await hand.ask(['log', '-1', '--no-show-signature', '--format=%s', made]));
  return { commit: made, branch: branch === '' ? null : branch, subject, skipped };
}

const text = (output: Buffer): string => output.toString('utf8').trim();

async function assertFinished(hand: Hand, { during, paths }: CommitRequest): Promise<void> {
  const unmerged = splitPaths(await hand.ask(['ls-files', '-z', '--unmerged']));
  if (unmerged.length > 0) {
    const path = unmerged[0]!.subarray(unmerged[0]!.indexOf(0x09) + 1).toString('utf8');
    throw refused(
      'conflicts',
      `There are conflicts that nobody has resolved, as in ${path}: stage it once it is right.`,
    );
  }
  const operation = await findUnfinished(hand.repository);
  if (operation === null) return;
  const what = `${withArticle(operation)} is not finished in ${hand.repository.top}`;
  if (during !== operation) throw refused('in_progress', `${what}: a commit would become a part of it.`, { operation });
  if (paths)
    throw refused('in_progress', `${what}: everything that is staged has to be committed together.`, { operation });
  if (!hand.isTrusted) {
    const until = 'before the chat’s directory is trusted, only git itself on a command line can commit now';
    throw refused('untrusted', `${what}: ${until}.`, { operation });
  }
}

async function commitAsPerson(hand: Hand, request: CommitRequest): Promise<string> {
  const { paths, all } = request;
  if (!paths && !all) return runCommit(hand, request);
  return withNextIndex(hand, async (index) => {
    // Git knows only the names of files that are in the index.
    const added = all ?? (await unknown(hand, paths ?? []));
    if (added.length > 0) await stage(hand, added, index);
    return runCommit(hand, request, index);
  });
}

async function runCommit(hand: Hand, { message, paths, head }: CommitRequest, index?: string): Promise<string> {
  const only = paths ? ['--only', '--pathspec-from-file=-', '--pathspec-file-nul'] : [];
  const result = await hand.asPerson(['commit', '--quiet', '--cleanup=whitespace', `--message=${message}`, ...only], {
    ...(paths && { input: joined(paths) }),
    ...(index !== undefined && { index }),
  });
  const now = text(await hand.ask(['rev-parse', '--quiet', '--verify', 'HEAD'], { mayEndWith: [0, 1] }));
  // A hook that fails after the commit does not undo it.
  if (now !== '' && now !== head && result.code === 0) return now;
  throw await whyRefused(hand, result);
}

/** Which of these are not in the index. */
async function unknown(hand: Hand, paths: readonly Buffer[]): Promise<Buffer[]> {
  const known = new Set(splitPaths(await hand.ask(['ls-files', '-z', '--full-name'])).map(keyOf));
  return paths.filter((path) => !known.has(keyOf(path)));
}

const identity = /tell me who you are|empty ident|unable to auto-detect email|no email was given|no name was given/i;

async function whyRefused(hand: Hand, result: GitBytes): Promise<Error> {
  const said = `${result.stdout.toString('utf8')}\n${result.stderr}`.trim();
  if (identity.test(said)) return identityMissing();
  if (/nothing (?:added )?to commit|no changes added to commit/.test(said)) return nothingStaged();
  const known = refusalOf(complaint({ ...result, stdout: '' }));
  if (known.details['reason'] !== 'git_failed') return known;
  const end = said.slice(-maxSaid);
  if (/failed to sign|failed to write commit object/.test(said) && /gpg|ssh|sign/i.test(said))
    return refused('hook_refused', `The commit could not be signed: ${end}`);
  const hooks = (await hooksOf(hand)).filter((name) => refusing.has(name));
  if (hooks.length > 0 && !/^fatal:/m.test(said))
    return refused('hook_refused', `A hook has refused the commit (${hooks.join(', ')}): ${end || 'it said nothing'}`);
  return refused('git_failed', `git has refused the commit: ${end || 'it said nothing'}`);
}

const maxSaid = 2_000;

const identityMissing = (): Error =>
  refused(
    'identity_missing',
    'Git does not know who commits. On the chat’s host, run: git config --global user.name "…" and user.email "…".',
  );
const nothingStaged = (): Error => refused('nothing_staged', 'Nothing is staged that differs from the last commit.');

/** Without hooks and signatures, and looking at no file that git would have to filter. */
async function commitPlainly(hand: Hand, request: CommitRequest): Promise<string> {
  const { paths, all, head } = request;
  await hand.assertPlain(paths ?? all ?? []);
  if (existsSync(`${hand.index}.lock`)) throw indexLocked();
  if (all) {
    return withNextIndex(hand, async (index) => {
      await stage(hand, all, index);
      const made = await writeCommit(hand, request, index);
      return moveHead(hand, head, made);
    });
  }
  const index = join(hand.own.folder, 'index');
  if (!paths) {
    await copyIndex(hand.index, index).catch(() => hand.own.run(['read-tree', '--empty'], { index }));
    return moveHead(hand, head, await writeCommit(hand, request, index));
  }
  await hand.own.run(['read-tree', baseOf(hand, head)], { index });
  await stage(hand, paths, index);
  const made = await writeCommit(hand, request, index);
  return withNextIndex(hand, async (next) => {
    await adopt(hand, paths, index, next);
    return moveHead(hand, head, made);
  });
}

const baseOf = (hand: Hand, head: string | null): string => head ?? emptyTrees[hand.repository.objectFormat];

interface Made {
  oid: string;
  subject: string;
}

/** Of what another index has. */
async function writeCommit(hand: Hand, { message, head }: CommitRequest, index: string): Promise<Made> {
  const tree = text((await hand.write(['write-tree'], { index })).stdout);
  const before = text(await hand.ask(['rev-parse', '--verify', `${baseOf(hand, head)}^{tree}`]));
  if (tree === before) throw nothingStaged();
  const cleaned = await hand.ask(['stripspace'], { input: Buffer.from(message) });
  const parents = head === null ? [] : ['-p', head];
  const made = await hand.ask(['commit-tree', ...parents, tree], { input: cleaned }).catch((error: unknown) => {
    throw identity.test(toBooError(error).message) ? identityMissing() : error;
  });
  return { oid: text(made), subject: cleaned.toString('utf8').split('\n', 1)[0]!.slice(0, 200) };
}

/** Only if nobody else has committed meanwhile. */
async function moveHead(hand: Hand, head: string | null, { oid, subject }: Made): Promise<string> {
  const how = `commit${head === null ? ' (initial)' : ''}: ${subject}`;
  await hand.ask(['update-ref', '-m', how, 'HEAD', oid, head ?? '0'.repeat(oid.length)]);
  return oid;
}

/** An index has these files as another one has them. */
async function adopt(hand: Hand, paths: readonly Buffer[], from: string, to: string): Promise<void> {
  const entries = entriesIn((await hand.own.run(['ls-files', '-z', '--stage'], { index: from })).stdout);
  await setEntries(
    hand,
    paths.map((path) => ({ path, entry: entries.get(keyOf(path)) ?? null })),
    to,
  );
}

const refusing = new Set([
  'pre-commit',
  'prepare-commit-msg',
  'commit-msg',
  'pre-merge-commit',
  'reference-transaction',
]);
const ofCommits = new Set([...refusing, 'post-commit', 'post-index-change']);

async function skippedBy(hand: Hand): Promise<string[]> {
  const signs = text(await hand.ask(['config', '--type=bool', '--get', 'commit.gpgsign'], { mayEndWith: [0, 1] }));
  return [...(await hooksOf(hand)), ...(signs === 'true' ? ['signature'] : [])];
}

/** The hooks that git would run. */
async function hooksOf(hand: Hand): Promise<string[]> {
  const { top, commonDirectory } = hand.repository;
  const asked = ['config', '-z', '--type=path', '--get-all', 'core.hooksPath'];
  // The last one is our own.
  const configured = splitPaths(await hand.ask(asked, { mayEndWith: [0, 1] }))
    .slice(0, -1)
    .at(-1)
    ?.toString('utf8');
  const directory = configured === undefined ? join(commonDirectory, 'hooks') : resolve(top, configured);
  const names = (await readdir(directory).catch(() => [])).filter((name) => ofCommits.has(name));
  const may = await Promise.all(
    names.map((name) =>
      access(join(directory, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, at) => may[at]).toSorted();
}
