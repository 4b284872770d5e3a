/** Attempts at the same prompt: the same in several chats, each with a worktree of its own. One is kept. */
import { createLimiter } from '../lib/limiter.ts';
import type { Chat, CreateChat } from '../protocol/chat.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import { lineSums } from '../protocol/line-sums.ts';
import { maxWorktreeName } from '../protocol/worktree-name.ts';
import type { RemovedWorktree, WorktreeLoss, WorktreeResult } from '../protocol/worktree.ts';
import type { BooClient } from './boo-client.ts';

/** What is compared. */
export interface Attempt {
  chatId: string;
  title: string;
  branch: string | null;
  state: Chat['state'];
  /** Since its start; null if that cannot be told. Lines are null where they were not counted. */
  changes: { files: number; added: number | null; removed: number | null } | null;
  costUsd: number;
  /** From the start of its first turn to the end of its last one. */
  seconds: number | null;
  /** How its last turn ended. */
  outcome: string | null;
}

/** In the order of their titles, which number them. */
export async function attemptsOf(client: Pick<BooClient, 'listChats'>, group: string): Promise<Chat[]> {
  const { items } = await client.listChats({ limit: 200, group });
  return items.toSorted((one, other) => one.title.localeCompare(other.title));
}

/** What is known of an attempt without asking for more. */
export function bareAttempt({ id: chatId, title, worktree, state, costUsd }: Chat): Attempt {
  const branch = worktree?.branch ?? null;
  return { chatId, title, branch, state, changes: null, costUsd, seconds: null, outcome: null };
}

export async function describeAttempt(client: Pick<BooClient, 'changes' | 'events'>, chat: Chat): Promise<Attempt> {
  const { id: chatId } = chat;
  const [changes, times] = await Promise.all([
    client.changes(chatId).then(
      // Of some of the files they would say too little.
      ({ files, count }) => ({
        files: count,
        ...((files.length < count ? null : lineSums(files)) ?? { added: null, removed: null }),
      }),
      () => null,
    ),
    timesOf(client, chatId),
  ]);
  return { ...bareAttempt(chat), changes, ...times };
}

async function timesOf(
  client: Pick<BooClient, 'events'>,
  chatId: string,
): Promise<Pick<Attempt, 'seconds' | 'outcome'>> {
  let [started, ended]: (number | undefined)[] = [];
  let outcome: string | null = null;
  let after = 0;
  for (;;) {
    const { items, next } = await client.events(chatId, { after, limit: 500 });
    for (const event of items) {
      if (event.type === 'turn_started') started ??= Date.parse(event.at);
      if (event.type !== 'turn_finished') continue;
      ended = Date.parse(event.at);
      outcome = event.outcome;
    }
    if (next === null) break;
    after = next;
  }
  const seconds = started === undefined || ended === undefined ? null : Math.round((ended - started) / 100) / 10;
  return { seconds, outcome };
}

export interface WantedAttempts {
  count: number;
  group: string;
  /** Of the branches, which are numbered; by default one is made up. */
  name?: string | undefined;
  prompt: string;
  /** What they have in common. */
  chat: CreateChat;
}

/** Each may take minutes, and a browser has six connections to a server. */
const madeAtOnce = 2;

/** Creates the chats, in the order of their numbers. If one cannot be made there is none, and the error says which. */
export async function createAttempts(
  client: Pick<BooClient, 'createChat' | 'deleteChat' | 'events' | 'removeWorktree'>,
  { count, group, name = `attempt-${group.slice(0, 8)}`, prompt, chat }: WantedAttempts,
): Promise<Chat[]> {
  const title = chat.title ?? prompt.trim().split('\n')[0]!.slice(0, 60);
  const stem = name.slice(0, maxWorktreeName - 2);
  const run = createLimiter(madeAtOnce);
  let hasFailed = false;
  const make = async (at: number): Promise<Chat | undefined> => {
    if (hasFailed) return undefined;
    try {
      return await client.createChat({
        ...chat,
        title: `${title} (${at + 1}/${count})`,
        group,
        isolation: 'worktree',
        worktree: { ...chat.worktree, name: `${stem}-${at + 1}` },
      });
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  };
  const created = await Promise.allSettled(Array.from({ length: count }, (_, at) => run(() => make(at))));
  const at = created.findIndex((each) => each.status === 'rejected');
  const failed = created[at];
  const chats = created.flatMap((each) => (each.status === 'fulfilled' && each.value ? [each.value] : []));
  if (failed?.status !== 'rejected') return chats;
  const { code, message, details } = toBooError(failed.reason);
  // All that they hold is what the setup command has made.
  const ends = await Promise.allSettled(
    chats.map(async ({ id, head }) => {
      // Somebody may have found it meanwhile.
      const { items } = await client.events(id, { after: head, limit: 1 });
      if (items.length > 0) throw new BooError('chat_busy', 'It is in use already.');
      await client.removeWorktree(id, { discard: true }).catch(() => undefined);
      await client.deleteChat(id);
    }),
  );
  const left = chats.filter((_chat, index) => ends[index]!.status === 'rejected').map((each) => each.title);
  const rest =
    left.length > 0
      ? `These could not be taken back: ${left.join(', ')}.`
      : chats.length > 0
        ? 'The others were taken back, so nothing was started.'
        : 'Nothing was started.';
  throw new BooError(code, `Attempt ${at + 1} of ${count} could not be made: ${message} ${rest}`, {
    cause: failed.reason,
    details,
  });
}

/** Null if it was merged before, so that what failed after that can be done again. */
export async function mergeOnce(
  client: Pick<BooClient, 'mergeWorktree'>,
  chatId: string,
  message?: string,
): Promise<WorktreeResult | null> {
  try {
    return await client.mergeWorktree(chatId, message === undefined ? {} : { message });
  } catch (error) {
    if (error instanceof BooError && error.details['reason'] === 'nothing_to_do') return null;
    throw error;
  }
}

/** Those that are left once one was kept. */
export function otherAttempts(chats: readonly Chat[], keptId: string): Chat[] {
  return chats.filter(({ id, worktree, archived }) => id !== keptId && (worktree !== null || !archived));
}

/** What would be lost with a worktree, as it was shown to a person. */
export interface ShownLosses {
  losses: WorktreeLoss[] | null;
  shown: string | null;
}

/** Removes it with exactly what was shown. Otherwise it stays, and what is to be shown is told. */
export async function removeAsShown(
  client: Pick<BooClient, 'removeWorktree'>,
  chatId: string,
  { shown }: Pick<ShownLosses, 'shown'>,
): Promise<{ removed: RemovedWorktree } | (ShownLosses & { problem: BooError })> {
  try {
    return { removed: await client.removeWorktree(chatId, { discard: shown ?? undefined }) };
  } catch (error) {
    const problem = toBooError(error);
    const { losses, shown: now } = problem.details;
    return {
      problem,
      losses: Array.isArray(losses) ? (losses as WorktreeLoss[]) : null,
      shown: typeof now === 'string' ? now : null,
    };
  }
}
