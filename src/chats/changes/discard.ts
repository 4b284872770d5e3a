/**
 * Puts a file, or some hunks of it, back to what it was in an earlier state. Only what the person has seen is discarded, and
 * what was there is kept before, byte for byte.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiscardChange, ShownPath } from '../../protocol/changes.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import { type Entry, entriesOf, noMode, treeWith } from './compare-trees.ts';
import { changedSince, digestOf, type FileState, impossible, readState, stampOf, writeState } from './file-state.ts';
import type { Hand } from './hand.ts';
import { withoutHunks } from './hunks.ts';
import { bytesOf, joined, keyOf } from './named-files.ts';
import { shownPath } from './paths.ts';
import { baseOf, hasTree, type View } from './read-changes.ts';
import { refused } from './refused.ts';
import { entryText, readEntriesOf, readIndex, setEntries } from './staging.ts';
import { type Discarded, dropDiscarded, findDiscarded, keepDiscarded } from './undo-store.ts';

export interface DiscardParts {
  view: View;
  hand: Hand;
  /** Of the chat and this working tree. */
  folder: string;
  maxFileBytes: number;
}

/** What a file is to become. */
interface Aim {
  path: Buffer;
  mode: string;
  object: string;
}

/** The name under which it can be given back. */
export async function discard(parts: DiscardParts, chatId: string, request: DiscardChange): Promise<string> {
  const { view, hand, folder, maxFileBytes } = parts;
  const { git } = view;
  const { top } = git.repository;
  const { base, from } = await baseOf(view, chatId, request.since);
  const path = bytesOf(request);
  if (request.base !== undefined && request.base !== base.commit) {
    throw refused('changed_since', 'It would be compared with another commit now: list the changes again.');
  }
  if (!(await hasTree(git, request.tree))) {
    throw refused('unknown_tree', 'What was seen is not kept any more: list the changes again.');
  }
  const entry = (await entriesOf(git, from, request.tree)).entries.find((each) => each.path.equals(path));
  if (!entry) throw refused('not_changed', `${path.toString('utf8')} had not changed.`);
  const { aims, isWhole } = await aimsOf(parts, entry, request);
  const files = await Promise.all(
    aims.map(async (aim) => {
      const since = await stampOf(top, aim.path);
      return { ...aim, since, before: await readState(top, aim.path, maxFileBytes) };
    }),
  );
  await assertSeen(view, request.tree, aims);
  // What is staged of it would be committed all the same.
  const staged =
    isWhole && request.since === 'head' ? await stagedOf(hand, base.commit, aims) : new Map<string, never>();
  const kept: Discarded[] = [];
  const writes: { path: Buffer; state: FileState; since: string }[] = [];
  for (const { path: each, mode, object, before, since } of files) {
    const state = likeBefore(await checkOut(parts, { path: each, mode, object }, request.since), before);
    const index = staged.get(keyOf(each));
    kept.push({ path: each, before, after: digestOf(state), ...(index && { index }) });
    writes.push({ path: each, state, since });
  }
  const undo = await keepDiscarded(folder, kept);
  try {
    await setEntries(
      hand,
      kept.flatMap(({ path: each, index }) => (index ? [{ path: each, entry: index.after }] : [])),
    );
    for (const { path: each, state, since } of writes) await writeState(top, each, state, since);
  } catch (error) {
    const isBack = await giveBack(parts, kept, { isStrict: false }).then(
      () => true,
      () => false,
    );
    if (isBack) {
      await dropDiscarded(folder, undo);
      throw error;
    }
    const { message, details } = toBooError(error);
    const what = `${message} Not all of it could be taken back: undo it under the name in “undo”.`;
    throw new BooError('change_refused', what, { details: { ...details, undo }, cause: error });
  }
  return undo;
}

/** Gives back what was discarded, unless it has changed since. */
export async function undoDiscard(parts: DiscardParts, id: string): Promise<ShownPath[]> {
  const kept = await findDiscarded(parts.folder, id);
  if (!kept) throw refused('unknown_undo', 'There is nothing to give back under this name, or not any more.');
  await giveBack(parts, kept, { isStrict: true });
  await dropDiscarded(parts.folder, id);
  return kept.map(({ path }) => shownPath(path));
}

async function giveBack(
  { hand, maxFileBytes }: DiscardParts,
  kept: readonly Discarded[],
  { isStrict }: { isStrict: boolean },
): Promise<void> {
  const { top } = hand.repository;
  const files: { path: Buffer; before: FileState; since: string }[] = [];
  for (const { path, before, after } of kept) {
    const since = await stampOf(top, path);
    const now = digestOf(await readState(top, path, maxFileBytes));
    if (now === after) files.push({ path, before, since });
    // What an earlier attempt has given back is as it should be.
    else if (isStrict && now !== digestOf(before)) throw changedSince(path);
  }
  const changed = kept.filter(({ index }) => index);
  if (changed.length > 0) {
    const now = await readIndex(hand);
    await setEntries(
      hand,
      changed.flatMap(({ path, index }) =>
        index && (now.get(keyOf(path)) ?? null) === index.after ? [{ path, entry: index.before }] : [],
      ),
    );
  }
  for (const { path, before, since } of files) await writeState(top, path, before, since);
}

async function aimsOf(
  { view, hand }: DiscardParts,
  entry: Entry,
  { hunks, since }: DiscardChange,
): Promise<{ aims: Aim[]; isWhole: boolean }> {
  const { path, oldPath, letter, modes, objects } = entry;
  if (modes.includes('160000')) throw impossible(path, 'is a repository of its own');
  const back: Aim = { path: oldPath, mode: modes[0], object: objects[0] };
  const gone: Aim[] = letter === 'R' ? [{ path, mode: noMode, object: '' }] : [];
  const filtered = await hand.filtered([path, oldPath]);
  if (filtered && (hunks || since !== 'head')) {
    throw impossible(
      path,
      `is stored by the filter “${filtered.filter}”: only all of it can be discarded, since the last commit`,
    );
  }
  if (filtered) await hand.assertPlain([path, oldPath]);
  const trees = (mode: string, object: string, name: Buffer): Promise<string> => treeWith(view.git, mode, object, name);
  const left = hunks ? await withoutHunks(view.git, entry, hunks, trees) : null;
  if (left !== null) return { aims: [{ path, mode: modes[1], object: left }], isWhole: false };
  // The old path first: should the other one fail, nothing is lost.
  return { aims: [back, ...gone], isWhole: true };
}

/** Nobody has changed these since that state. */
async function assertSeen({ git, now }: View, tree: string, aims: readonly Aim[]): Promise<void> {
  const { entries } = await entriesOf(git, tree, (await now()).tree);
  const others = entries.flatMap(({ path, oldPath }) => [path, oldPath]);
  const changed = aims.find(({ path }) => others.some((other) => other.equals(path)));
  if (changed) throw changedSince(changed.path);
}

async function stagedOf(hand: Hand, head: string | null, aims: readonly Aim[]) {
  const entries = await readEntriesOf(
    hand,
    head,
    aims.map(({ path }) => path),
  );
  const conflict = entries.find(({ letter }) => letter === 'U');
  if (conflict) throw impossible(conflict.path, 'has a conflict that nobody has resolved');
  return new Map(
    entries.map(({ path, modes, objects }) => [
      keyOf(path),
      { before: entryText(modes[1], objects[1]), after: entryText(modes[0], objects[0]) },
    ]),
  );
}

/** Written as git writes it: with the ends of lines that are usual here, and by the filters of a trusted directory. */
async function checkOut({ view, hand, maxFileBytes }: DiscardParts, { path, mode, object }: Aim, since: string) {
  if (mode === noMode) return { is: 'absent' } as const;
  const { git } = view;
  const index = join(git.folder, 'check-out');
  const out = await mkdtemp(join(git.folder, 'out-'));
  try {
    await Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })]);
    const input = Buffer.concat([Buffer.from(`${mode} ${object}\t`), path, Buffer.of(0)]);
    await git.run(['update-index', '-z', '--index-info'], { index, input });
    const args = ['checkout-index', '--force', `--prefix=${out}/`, '-z', '--stdin'];
    const isFiltered = since === 'head' && (await hand.filtered([path])) !== null;
    await (isFiltered
      ? hand.write(args, { index, input: joined([path]) })
      : git.run(args, { index, input: joined([path]) }));
    return await readState(out, path, maxFileBytes);
  } finally {
    await rm(out, { recursive: true, force: true });
    await rm(index, { force: true });
  }
}

/** What git does not know of its permissions stays. */
function likeBefore(state: FileState, before: FileState): FileState {
  if (state.is !== 'file' || before.is !== 'file') return state;
  const isSame = (state.mode & 0o100) === (before.mode & 0o100);
  return isSame ? { ...state, mode: before.mode } : state;
}
