/**
 * Who has changed each file, as far as the snapshots at the start and the end of turns tell. What changed between two of
 * them was changed by the turns that ran then, in whichever chat with this working tree, or by a person if none did.
 */
import type { ChangedBy, ChangedFile } from '../../protocol/changes.ts';
import { keyOf } from './named-files.ts';
import { bytesOfShown, splitPaths } from './paths.ts';
import type { PrivateGit } from './private-git.ts';
import type { Moment } from './snapshot-refs.ts';

export interface Timeline {
  /** All of this working tree, the oldest first. */
  moments: readonly Moment[];
  /** From when on it matters. */
  from: { at: number } | { head: string | null };
  now: string;
  isRunning: (turnId: string) => boolean;
  /** Snapshots that failed then. */
  missedAt: readonly number[];
}

interface Turn {
  chatId: string;
  from: number;
  until: number;
  /** It is not known exactly when it ran. */
  isVague: boolean;
}

interface Step {
  from: string;
  to: string;
  turns: Turn[];
  isVague: boolean;
}

const maxSteps = 400;

export async function whoChanged(
  git: PrivateGit,
  files: readonly ChangedFile[],
  timeline: Timeline,
): Promise<(file: ChangedFile) => ChangedBy> {
  const steps = stepsOf(timeline).filter(({ from, to }) => from !== to);
  const changed = await changedIn(git, steps);
  const wanted = new Set(files.flatMap(keysOf));
  const found = new Map<string, { chats: Set<string>; either: Set<string>; people: boolean; unknown: boolean }>();
  for (const [at, { turns, isVague }] of steps.entries()) {
    const chats = new Set(turns.map(({ chatId }) => chatId));
    for (const key of changed[at] ?? []) {
      if (!wanted.has(key)) continue;
      const by = found.get(key) ?? { chats: new Set(), either: new Set(), people: false, unknown: false };
      found.set(key, by);
      if (isVague || turns.some((turn) => turn.isVague)) by.unknown = true;
      if (chats.size === 0) by.people ||= !isVague;
      else for (const chatId of chats) (chats.size === 1 ? by.chats : by.either).add(chatId);
    }
  }
  return (file) => {
    const all = keysOf(file).flatMap((key) => found.get(key) ?? []);
    return {
      chats: [...new Set(all.flatMap(({ chats }) => [...chats]))],
      either: [...new Set(all.flatMap(({ either }) => [...either]))],
      people: all.some(({ people }) => people),
      // It was so before anything was recorded.
      unknown: all.length === 0 || all.some(({ unknown }) => unknown),
    };
  };
}

const keysOf = ({ path, pathBytes, oldPath, oldPathBytes }: ChangedFile): string[] => [
  keyOf(bytesOfShown(path, pathBytes)),
  ...(oldPath === undefined ? [] : [keyOf(bytesOfShown(oldPath, oldPathBytes))]),
];

function stepsOf({ moments, from, now, isRunning, missedAt }: Timeline): Step[] {
  const turns = turnsOf(moments, isRunning);
  let first = 0;
  if ('at' in from) first = moments.findIndex(({ at }) => at >= from.at);
  else {
    // The one before the first with this commit: what has changed since then may not be part of it.
    first = moments.length;
    while (first > 0 && moments[first - 1]!.head === from.head) first -= 1;
    first = Math.max(0, first - 1);
  }
  if (first < 0) return [];
  const points = [...moments.slice(Math.max(first, moments.length - maxSteps)), { at: Infinity, tree: now }];
  return points.slice(0, -1).map((point, at): Step => {
    const next = points[at + 1]!;
    return {
      from: point.tree,
      to: next.tree,
      turns: turns.filter((turn) => turn.from <= point.at && turn.until >= next.at),
      isVague: missedAt.some((time) => time >= point.at && time <= next.at),
    };
  });
}

function turnsOf(moments: readonly Moment[], isRunning: (turnId: string) => boolean): Turn[] {
  const starts = moments.filter(({ isEnd }) => !isEnd);
  const ends = new Map(moments.filter(({ isEnd }) => isEnd).map((moment) => [moment.turnId, moment]));
  const known = starts.map((start): Turn => {
    const { chatId, turnId, at } = start;
    const end = ends.get(turnId);
    if (end) return { chatId, from: at, until: end.at, isVague: false };
    if (isRunning(turnId)) return { chatId, from: at, until: Infinity, isVague: false };
    const next = starts.find((other) => other.chatId === chatId && other.at > at);
    return { chatId, from: at, until: next?.at ?? Infinity, isVague: true };
  });
  const started = new Set(starts.map(({ turnId }) => turnId));
  const late = [...ends.values()].flatMap(({ chatId, turnId, at }): Turn[] => {
    if (started.has(turnId)) return [];
    const before = moments.findLast((moment) => moment.at < at)?.at ?? at;
    return [{ chatId, from: before, until: at, isVague: true }];
  });
  return [...known, ...late];
}

/** The paths that differ in each step, asked of one process. */
async function changedIn(git: PrivateGit, steps: readonly Step[]): Promise<Set<string>[]> {
  if (steps.length === 0) return [];
  const input = Buffer.from(steps.map(({ from, to }) => `${from} ${to}\n`).join(''));
  const { stdout } = await git.run(['diff-tree', '--stdin', '-r', '-z', '--raw', '--no-renames'], { input });
  const all: Set<string>[] = [];
  const parts = splitPaths(stdout);
  // Before the differences of two trees is a line that names them; a path may look like one, but has its place.
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const lines = parts[at]!.toString('latin1').split('\n');
    for (let more = lines.length - 1; more > 0; more -= 1) all.push(new Set());
    all.at(-1)?.add(keyOf(parts[at + 1]!));
  }
  return all;
}
