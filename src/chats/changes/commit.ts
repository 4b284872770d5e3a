/**
 * Commits for a person. In a trusted directory that is `git commit` as on a command line, with hooks and signatures.
 * Otherwise the commit is put together without them, and what was not run is told.
 */
import { constants, existsSync } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CommittedChanges, Unfinished } from '../../protocol/changes.ts';
import { toBooError } from '../../protocol/error.ts';
import { complaint, type GitBytes } from '../workspaces/git.ts';
import { copyIndex } from './working-tree.ts';
import type { Hand } from './hand.ts';
import { indexLocked, refusalOf } from './hand.ts';
import { joined, keyOf } from './named-files.ts';
import { splitPaths } from './paths.ts';
import { refused } from './refused.ts';
import { emptyTrees } from './repository.ts';
import { entriesIn, setEntries, stage } from './staging.ts';

export interface CommitRequest {
  message: string;
  /** Exactly these; null commits what is staged. */
  paths: readonly Buffer[] | null;
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

const marks: readonly (readonly [file: string, Unfinished])[] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply/applying', 'am'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
];

async function assertFinished(hand: Hand, { during, paths }: CommitRequest): Promise<void> {
  const unmerged = splitPaths(await hand.ask(['ls-files', '-z', '--unmerged']));
  if (unmerged.length > 0) {
    const path = unmerged[0]!.subarray(unmerged[0]!.indexOf(0x09) + 1).toString('utf8');
    throw refused(
      'conflicts',
      `There are conflicts that nobody has resolved, as in ${path}: stage it once it is right.`,
    );
  }
  const found = await Promise.all(
    marks.map(async ([file, operation]) =>
      (await stat(join(hand.repository.gitDirectory, file)).catch(() => null)) === null ? [] : [operation],
    ),
  );
  const operation = found.flat()[0];
  if (operation === undefined) return;
  const what = `A ${operation} is not finished in ${hand.repository.top}`;
  if (during !== operation) throw refused('in_progress', `${what}: a commit would become a part of it.`, { operation });
  if (paths)
    throw refused('in_progress', `${what}: everything that is staged has to be committed together.`, { operation });
  if (!hand.isTrusted) {
    const until = 'before the chat’s directory is trusted, only git itself on a command line can commit now';
    throw refused('untrusted', `${what}: ${until}.`, { operation });
  }
}

async function commitAsPerson(hand: Hand, { message, paths, head }: CommitRequest): Promise<string> {
  // Git knows only the names of files that are in the index.
  const added = paths ? await unknown(hand, paths) : [];
  if (added.length > 0) await stage(hand, added);
  const only = paths ? ['--only', '--pathspec-from-file=-', '--pathspec-file-nul'] : [];
  const result = await hand.asPerson(['commit', '--quiet', '--cleanup=whitespace', `--message=${message}`, ...only], {
    ...(paths && { input: joined(paths) }),
  });
  const now = text(await hand.ask(['rev-parse', '--quiet', '--verify', 'HEAD'], { mayEndWith: [0, 1] }));
  // A hook that fails after the commit does not undo it.
  if (now !== '' && now !== head && result.code === 0) return now;
  await setEntries(
    hand,
    added.map((path) => ({ path, entry: null })),
  ).catch(() => undefined);
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
async function commitPlainly(hand: Hand, { message, paths, head }: CommitRequest): Promise<string> {
  const index = join(hand.own.folder, 'index');
  const base = head ?? emptyTrees[hand.repository.objectFormat];
  await hand.assertPlain(paths ?? []);
  if (existsSync(`${hand.index}.lock`)) throw indexLocked();
  if (paths) {
    await hand.own.run(['read-tree', base], { index });
    await stage(hand, paths, index);
  } else await copyIndex(hand.index, index).catch(() => hand.own.run(['read-tree', '--empty'], { index }));
  const tree = text((await hand.write(['write-tree'], { index })).stdout);
  const before = text(await hand.ask(['rev-parse', '--verify', `${base}^{tree}`]));
  if (tree === before) throw nothingStaged();
  const cleaned = await hand.ask(['stripspace'], { input: Buffer.from(message) });
  const parents = head === null ? [] : ['-p', head];
  const made = await hand.ask(['commit-tree', ...parents, tree], { input: cleaned }).catch((error: unknown) => {
    throw identity.test(toBooError(error).message) ? identityMissing() : error;
  });
  const oid = text(made);
  const subject = cleaned.toString('utf8').split('\n', 1)[0]!.slice(0, 200);
  const how = `commit${head === null ? ' (initial)' : ''}: ${subject}`;
  // Before, so that it is only staged if the commit fails.
  if (paths) await adopt(hand, paths, index);
  // Only if nobody else has committed meanwhile.
  await hand.ask(['update-ref', '-m', how, 'HEAD', oid, head ?? '0'.repeat(oid.length)]);
  return oid;
}

/** The person's index has these files as another one has them. */
async function adopt(hand: Hand, paths: readonly Buffer[], from: string): Promise<void> {
  const entries = entriesIn((await hand.own.run(['ls-files', '-z', '--stage'], { index: from })).stdout);
  await setEntries(
    hand,
    paths.map((path) => ({ path, entry: entries.get(keyOf(path)) ?? null })),
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
