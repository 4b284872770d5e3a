/**
 * What one person, however many tokens and clients that is, may use of this server, so that a program that has gone wild
 * does not take everything from the others. Counted by this host, since its start.
 */
import type { Clock } from '../lib/clock.ts';
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import type { Quota, ServerEnv } from './route.ts';

/** Zero stands for no limit. */
export interface QuotaLimits {
  chatsPerHour: number;
  chatsPerDay: number;
  /** Live sockets at a time. */
  sockets: number;
  /** Server-sent feeds at a time. */
  feeds: number;
  /** Terminals looked at, at a time. */
  terminals: number;
  /** Prompts waiting in one chat, whoever sent them. */
  prompts: number;
}

export const quotaLimits: QuotaLimits = {
  chatsPerHour: 1_000,
  chatsPerDay: 5_000,
  sockets: 250,
  feeds: 1_000,
  terminals: 250,
  prompts: 1_000,
};

const words: Record<keyof QuotaLimits, string> = {
  chatsPerHour: 'chats an hour',
  chatsPerDay: 'chats a day',
  sockets: 'live sockets at a time',
  feeds: 'feeds at a time',
  terminals: 'terminals at a time',
  prompts: 'prompts waiting in a chat',
};

export function quotaExceeded(quota: keyof QuotaLimits, limit: number, retryAfterSeconds?: number): BooError {
  const whose = quota === 'prompts' ? 'There may be' : 'A person may have';
  return new BooError('quota_exceeded', `${whose} at most ${limit} ${words[quota]} (--quota).`, {
    details: { quota, limit, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
  });
}

interface Window {
  count: number;
  endsMs: number;
}

const hourMs = 3_600_000;
const windows = [
  { quota: 'chatsPerHour', ms: hourMs },
  { quota: 'chatsPerDay', ms: 24 * hourMs },
] as const;

export class Quotas {
  readonly #limits: QuotaLimits;
  readonly #clock: Clock;
  readonly #open = new Map<string, number>();
  readonly #created = new Map<string, Window>();

  constructor(limits: Partial<QuotaLimits>, clock: Clock) {
    this.#limits = { ...quotaLimits, ...limits };
    this.#clock = clock;
  }

  /** Answers within the person's quota. Throws `quota_exceeded`. What was not done does not count. */
  async within(
    quota: Quota | undefined,
    { id }: Principal | { id: string },
    env: ServerEnv,
    answer: (env: ServerEnv) => Promise<Response>,
  ): Promise<Response> {
    if (quota === undefined) return answer(env);
    const giveBack = quota === 'chats' ? this.#countChat(id) : this.#take(quota, id);
    let stays = false;
    try {
      const keep = (call: () => void): void => {
        stays = true;
        call();
      };
      const response = await answer(quota === 'chats' ? env : watched(env, giveBack, keep));
      if (quota === 'chats') stays = response.status === 201;
      return response;
    } finally {
      if (!stays) giveBack();
    }
  }

  /** How many are open; for tests. */
  countOf(quota: Exclude<Quota, 'chats'>, personId: string): number {
    return this.#open.get(`${quota} ${personId}`) ?? 0;
  }

  #take(quota: Exclude<Quota, 'chats'>, id: string): () => void {
    const key = `${quota} ${id}`;
    const limit = this.#limits[quota];
    const count = this.#open.get(key) ?? 0;
    if (limit > 0 && count >= limit) throw quotaExceeded(quota, limit);
    this.#open.set(key, count + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
    };
  }

  #countChat(id: string): () => void {
    const nowMs = this.#clock.monotonicMs();
    const own = windows.map(({ quota, ms }) => {
      const key = `${quota} ${id}`;
      const before = this.#created.get(key);
      const window = before && before.endsMs > nowMs ? before : { count: 0, endsMs: nowMs + ms };
      this.#created.set(key, window);
      return { quota, window };
    });
    for (const { quota, window } of own) {
      const limit = this.#limits[quota];
      if (limit > 0 && window.count >= limit) {
        throw quotaExceeded(quota, limit, Math.ceil((window.endsMs - nowMs) / 1000));
      }
    }
    for (const { window } of own) window.count += 1;
    return () => {
      for (const { window } of own) window.count -= 1;
    };
  }
}

/** The environment of a request that stays open: `giveBack` is called when that ends. */
function watched(env: ServerEnv, giveBack: () => void, keep: (call: () => void) => void): ServerEnv {
  const { openFeeds, upgrade, whenClosed } = env;
  return {
    ...env,
    ...(openFeeds && {
      openFeeds: {
        ...openFeeds,
        add(close) {
          const forget = openFeeds.add(close);
          keep(() => undefined);
          return () => {
            giveBack();
            return forget();
          };
        },
      },
    }),
    ...(upgrade &&
      whenClosed && {
        upgrade: {
          accept: (serve) => (keep(() => whenClosed(giveBack)), upgrade.accept(serve)),
          tunnel: (to) => (keep(() => whenClosed(giveBack)), upgrade.tunnel(to)),
        },
      }),
  };
}

/** The prompts that wait in each chat: looked up only after as many were sent as may be half of the limit. */
export class PromptQuota {
  readonly #limit: number;
  readonly #left = new Map<string, number>();

  constructor(limit: number = quotaLimits.prompts) {
    this.#limit = limit;
  }

  /** Throws `quota_exceeded`. A prompt that waits already may be sent again. */
  async take(
    chatId: string,
    promptId: string | undefined,
    waiting: () => Promise<readonly { promptId: string }[]>,
  ): Promise<void> {
    if (this.#limit === 0) return;
    // A chat that was forgotten starts with half of the limit again.
    if (this.#left.size > 10_000) this.#left.clear();
    let left = this.#left.get(chatId) ?? Math.ceil(this.#limit / 2);
    if (left <= 0) {
      const prompts = await waiting();
      if (prompts.some((each) => each.promptId === promptId)) return;
      left = this.#limit - prompts.length;
      if (left <= 0) throw quotaExceeded('prompts', this.#limit);
    }
    this.#left.set(chatId, left - 1);
  }
}
