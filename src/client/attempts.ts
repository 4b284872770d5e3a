/** Attempts at the same prompt, as they are compared. */
import type { Chat } from '../protocol/chat.ts';
import type { BooClient } from './boo-client.ts';

/** What is compared. */
export interface Attempt {
  chatId: string;
  title: string;
  branch: string | null;
  state: Chat['state'];
  /** Since its start; null if that cannot be told. Lines are null if too many files have changed for them to be counted. */
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

export async function describeAttempt(client: Pick<BooClient, 'changes' | 'events'>, chat: Chat): Promise<Attempt> {
  const { id: chatId, title, worktree, state, costUsd } = chat;
  const [changes, times] = await Promise.all([
    client.changes(chatId).then(
      ({ files, count, isTruncated }) => ({
        files: count,
        added: isTruncated ? null : files.reduce((sum, { added }) => sum + (added ?? 0), 0),
        removed: isTruncated ? null : files.reduce((sum, { removed }) => sum + (removed ?? 0), 0),
      }),
      () => null,
    ),
    timesOf(client, chatId),
  ]);
  return { chatId, title, branch: worktree?.branch ?? null, state, changes, costUsd, ...times };
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
