/**
 * A test double of Chats for tests of HTTP behaviour alone: it keeps everything in memory, runs no agent, and lets the
 * test push feed items by hand. Its behaviour proves nothing about real chats.
 */
import { randomUUID } from 'node:crypto';
import type { Schedule } from '../../src/protocol/schedule.ts';
import type { AgentTerminal, ChatNotification, Chats, Reader, TranscriptLine } from '../../src/chats/chats.ts';
import { dropUndefined } from '../../src/lib/drop-undefined.ts';
import { createPushable, type Pushable } from '../../src/lib/pushable.ts';
import { type Chat, initialSettings } from '../../src/protocol/chat.ts';
import type { Decision } from '../../src/protocol/decision.ts';
import { BooError } from '../../src/protocol/error.ts';
import type { Event, FeedItem } from '../../src/protocol/event.ts';
import { seqOf } from '../../src/protocol/log-cursor.ts';
import { doneByActor } from '../../src/protocol/principal.ts';
import { toBlocks, type Receipt } from '../../src/protocol/prompt.ts';
import { noUsage } from '../../src/protocol/usage.ts';

export interface MemoryChats extends Chats {
  /** Passes an item to every reader of the chat. */
  push(chatId: string, item: FeedItem): void;
  /** Notifies everyone who watches the chats. */
  notify(notification: ChatNotification): void;
  /** How many are watching. */
  readonly watchers: number;
  addDecision(chatId: string): Decision;
  /** Gives the chat this terminal; without one it has none. */
  setTerminal(chatId: string, terminal: AgentTerminal): void;
  setTranscript(chatId: string, transcript: readonly TranscriptLine[]): void;
  /** Every further call fails with this; undefined ends that. */
  failWith(error: unknown): void;
  /** How many readers are open now. */
  readonly openReaders: number;
  /** How many items readers have taken out so far. */
  readonly itemsTaken: number;
  /** How many calls changed something. */
  readonly writes: number;
  healthy: boolean;
}

interface Entry {
  chat: Chat;
  events: Event[];
  receipts: Map<string, { receipt: Receipt; body: string }>;
  cancelled: Set<string>;
  readers: Set<Pushable<FeedItem>>;
  terminal?: AgentTerminal;
  transcript?: readonly TranscriptLine[];
}

const time = '2026-01-01T00:00:00.000Z';

const noBudgets = {
  day: { limitUsd: null, spentUsd: 0, isSet: false, resetsAt: new Date(0).toISOString() },
  server: { limitUsd: null, spentUsd: 0, isSet: false },
};

export function createMemoryChats(): MemoryChats {
  const entries = new Map<string, Entry>();
  const decisions = new Map<string, Decision>();
  const imports = new Map<string, string>();
  const watchers = new Set<(notification: ChatNotification) => void>();
  let failure: unknown;
  let openReaders = 0;
  let itemsTaken = 0;
  let writes = 0;

  const check = (): void => {
    // eslint-disable-next-line typescript/only-throw-error -- a test may throw a non-error
    if (failure !== undefined) throw failure;
  };
  const entryOf = (chatId: string): Entry => {
    check();
    const entry = entries.get(chatId);
    if (!entry) throw new BooError('not_found', `The chat ${chatId} does not exist.`);
    return entry;
  };
  const append = (entry: Entry, body: object): Event => {
    const event = { chatId: entry.chat.id, seq: entry.events.length + 1, at: time, ...body } as Event;
    entry.events.push(event);
    entry.chat.head = event.seq;
    for (const reader of entry.readers) reader.push({ kind: 'event', event });
    return event;
  };
  const page = <T>(all: T[], { after, limit }: { after?: string | undefined; limit: number }) => {
    const from = Number(after ?? 0);
    return { items: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null };
  };

  return {
    healthy: true,
    setTerminal(chatId, terminal) {
      entryOf(chatId).terminal = terminal;
    },
    setTranscript(chatId, transcript) {
      entryOf(chatId).transcript = transcript;
    },
    get openReaders() {
      return openReaders;
    },
    get itemsTaken() {
      return itemsTaken;
    },
    get writes() {
      return writes;
    },
    failWith(error) {
      failure = error;
    },
    push(chatId, item) {
      for (const reader of entryOf(chatId).readers) reader.push(item);
    },
    notify(notification) {
      for (const watcher of watchers) watcher(notification);
    },
    get watchers() {
      return watchers.size;
    },
    addDecision(chatId) {
      const decision: Decision = {
        id: randomUUID(),
        chatId,
        turnId: null,
        kind: 'permission',
        title: 'ls',
        input: { command: 'ls' },
        toolName: 'Bash',
        toolCallId: null,
        subagentCallId: null,
        canAllowAlways: false,
        alwaysScope: [],
        status: 'pending',
        requestedAt: time,
        resolvedAt: null,
        outcome: null,
        by: null,
        principal: null,
        via: null,
      };
      decisions.set(decision.id, decision);
      return decision;
    },

    async createChat({ isolation: _isolation, worktree: _worktree, ...input }) {
      check();
      writes += 1;
      const chat: Chat = {
        ...initialSettings,
        title: 'untitled',
        backend: 'claude_sdk',
        ...dropUndefined(input),
        id: randomUUID(),
        cwd: input.cwd,
        workspace: null,
        holder: null,
        currentDirectory: input.cwd,
        agent: 'claude',
        state: 'cold',
        waitsFor: null,
        mcpServers: null,
        waiting: 0,
        hold: null,
        costUsd: 0,
        tokensIn: 0,
        tokensOut: 0,
        head: 0,
        forkedFrom: null,
        worktree: null,
        group: input.group ?? null,
        createdAt: time,
        updatedAt: time,
      };
      entries.set(chat.id, { chat, events: [], receipts: new Map(), cancelled: new Set(), readers: new Set() });
      return chat;
    },
    async listChats({ archived, q, ...wanted }) {
      check();
      const all = [...entries.values()].map((entry) => entry.chat).reverse();
      const fits = (one: Chat): boolean => archived === undefined || one.archived === archived;
      return page(
        all.filter((one) => fits(one) && (q === undefined || one.title.includes(q))),
        wanted,
      );
    },
    async getChat(chatId) {
      return entryOf(chatId).chat;
    },
    async readTrust(chatId) {
      const { cwd: path, trusted } = await this.getChat(chatId);
      const digest = '0'.repeat(64);
      return { chatId, trusted, holds: trusted, path, digest, trustedAt: null, files: [] };
    },
    usage: {
      async report({ group = 'day', timeZone = 'UTC' }) {
        check();
        return { group, from: time, to: time, timeZone, items: [], other: null, total: noTotals };
      },
    },
    limits: {
      async wakeCost(chatId) {
        entryOf(chatId);
        const cache = { state: 'unknown', endsAt: null } as const;
        return { model: null, contextTokens: null, sentAt: null, cache, costUsd: null, noPrice: 'no_context' };
      },
      async planUsage() {
        check();
        return { items: [] };
      },
    },
    schedules: {
      async create(_actor, chatId, { content, at }) {
        return scheduleOf(entryOf(chatId).chat.id, content, at ?? time);
      },
      async list(chatId) {
        entryOf(chatId);
        return [];
      },
      async listAll() {
        check();
        return { items: [], next: null };
      },
      async patch(_actor, chatId, id) {
        return { ...scheduleOf(entryOf(chatId).chat.id, 'x', time), id };
      },
      async remove(_actor, chatId) {
        entryOf(chatId);
      },
    },
    worktrees: {
      async merge(_actor, chatId) {
        entryOf(chatId);
        return { branch: 'boocode/x', base: 'main', commit: '0', commits: 1 };
      },
      async rebase(_actor, chatId) {
        entryOf(chatId);
        return { branch: 'boocode/x', base: 'main', commit: '0', commits: 1 };
      },
      async remove(_actor, chatId, { keepsBranch }) {
        entryOf(chatId);
        return { branch: 'boocode/x', commit: '0', isBranchKept: keepsBranch };
      },
      async list() {
        check();
        return [];
      },
      async branches() {
        return { repository: null, current: null, items: [], truncated: false };
      },
    },
    changes: {
      async list(chatId, since) {
        const { cwd: root } = entryOf(chatId).chat;
        const base = { commit: null, takenAt: null, turnId: null };
        const tree = '0'.repeat(40);
        return { chatId, since, root, base, tree, files: [], count: 0, isTruncated: false, leftOut: [] };
      },
      async diff(chatId, { since }) {
        const { base, tree } = await this.list(chatId, since);
        return { chatId, since, base, tree, file: null, diff: '', isTruncated: false, isLossy: false };
      },
      async watch(chatId, { onChange, onEnd }) {
        entryOf(chatId);
        onChange('0'.repeat(40));
        onEnd();
        return () => {};
      },
      async stage(chatId, { paths }) {
        entryOf(chatId);
        writes += 1;
        return { chatId, count: paths.length };
      },
      async unstage(chatId, request) {
        return this.stage(chatId, request);
      },
      async discard(chatId) {
        entryOf(chatId);
        writes += 1;
        return { chatId, undo: randomUUID() };
      },
      async undo(chatId) {
        entryOf(chatId);
        writes += 1;
        return { chatId, files: [] };
      },
      async commit(chatId, { message }) {
        entryOf(chatId);
        writes += 1;
        return { chatId, commit: '0'.repeat(40), branch: 'main', subject: message, skipped: [] };
      },
    },
    async giveTrust(actor, chatId) {
      await this.patchChat(actor, chatId, { trusted: true });
      return this.readTrust(chatId);
    },
    async patchChat(_actor, chatId, { running: _running, ...changes }) {
      const entry = entryOf(chatId);
      writes += 1;
      Object.assign(entry.chat, changes);
      return entry.chat;
    },
    async forkChat(_actor, chatId, { at, title }) {
      const { chat } = entryOf(chatId);
      const forked = await this.createChat({ cwd: chat.cwd });
      return Object.assign(forked, { title: title ?? chat.title, forkedFrom: { chatId, seq: at ?? chat.head } });
    },
    async deleteChat(_actor, chatId) {
      const entry = entryOf(chatId);
      writes += 1;
      entries.delete(chatId);
      for (const reader of entry.readers) reader.close();
    },
    async submitPrompt(actor, chatId, { id, content }) {
      const entry = entryOf(chatId);
      const promptId = id ?? randomUUID();
      const body = JSON.stringify(toBlocks(content));
      const known = entry.receipts.get(promptId);
      if (known && known.body !== body) throw new BooError('prompt_conflict', `The prompt id ${promptId} is taken.`);
      if (known) return { receipt: known.receipt, created: false };
      writes += 1;
      const event = append(entry, {
        type: 'prompt_accepted',
        promptId,
        content: toBlocks(content),
        ...doneByActor(actor),
      });
      const receipt = { promptId, chatId, seq: event.seq };
      entry.receipts.set(promptId, { receipt, body });
      return { receipt, created: true };
    },
    async resumeQueue(_actor, chatId) {
      check();
      return entryOf(chatId).chat;
    },
    rewind(_actor, chatId) {
      entryOf(chatId);
      writes += 1;
      return Promise.resolve({ promptIds: [], files: null });
    },
    askAside(chatId) {
      entryOf(chatId);
      return Promise.resolve('Nothing.');
    },
    warmAhead(chatId) {
      entryOf(chatId);
      writes += 1;
      return Promise.resolve({ state: 'warming' });
    },
    async interrupt(_actor, chatId) {
      entryOf(chatId);
      writes += 1;
      return { interrupted: false, turnId: null };
    },
    async listPrompts(chatId) {
      const taken = entryOf(chatId).cancelled;
      const items = entryOf(chatId).events.flatMap((event) =>
        event.type === 'prompt_accepted' && !taken.has(event.promptId)
          ? [{ promptId: event.promptId, seq: event.seq, content: event.content }]
          : [],
      );
      return { items };
    },
    async cancelPrompt(_actor, chatId, promptId) {
      const entry = entryOf(chatId);
      if (!entry.receipts.has(promptId)) throw new BooError('not_found', 'This prompt does not exist.');
      if (entry.cancelled.has(promptId)) throw new BooError('prompt_taken', 'It is no longer waiting.');
      writes += 1;
      entry.cancelled.add(promptId);
    },
    async movePrompt(_actor, chatId, promptId) {
      if (!entryOf(chatId).receipts.has(promptId)) throw new BooError('not_found', 'This prompt does not exist.');
      writes += 1;
      return this.listPrompts(chatId);
    },
    async listDirectories(prefix) {
      check();
      return { items: [], truncated: false, parent: prefix || '/' };
    },
    async readEvents(chatId, wanted) {
      const { events } = entryOf(chatId);
      if ('before' in wanted) {
        const items = events.slice(0, Math.max(seqOf(wanted.before) - 1, 0)).slice(-wanted.limit);
        const first = items[0]?.seq ?? 1;
        return { items, next: first > 1 ? first : null, head: events.length, start: null, end: null };
      }
      const after = seqOf(wanted.after);
      const { limit } = wanted;
      const items = events.slice(after, after + limit);
      const next = after + limit < events.length ? after + limit : null;
      return { items, next, head: events.length, start: null, end: null };
    },
    async follow(chatId, cursor): Promise<Reader> {
      const after = seqOf(cursor.after);
      const entry = entryOf(chatId);
      const pushable = createPushable<FeedItem>();
      const head = entry.events.length;
      pushable.push({ kind: 'resume', type: 'resume', verdict: after > head ? 'gap' : 'ok', after, head });
      for (const event of entry.events.slice(after > head ? 0 : after)) pushable.push({ kind: 'event', event });
      entry.readers.add(pushable);
      openReaders += 1;
      return {
        get end() {
          if (!entries.has(chatId)) return 'deleted' as const;
          return pushable.closed ? ('closed' as const) : undefined;
        },
        items: counted(pushable.iterable, () => (itemsTaken += 1)),
        close() {
          if (entry.readers.delete(pushable)) openReaders -= 1;
          pushable.close();
        },
      };
    },
    watch(listener) {
      watchers.add(listener);
      return {
        warm: [...entries.values()].map(({ chat }) => chat).filter(({ state }) => state !== 'cold'),
        warmElsewhere: () => Promise.resolve([]),
        close: () => void watchers.delete(listener),
      };
    },
    async openTerminal(chatId) {
      const { terminal } = entryOf(chatId);
      if (!terminal) throw new BooError('terminal_unavailable', 'This chat has no terminal.');
      return terminal;
    },
    async readTranscript(chatId) {
      const { chat, transcript = [] } = entryOf(chatId);
      return { chatId, sessionId: transcript[0]?.sessionId ?? null, cwd: chat.cwd, pages: pagesOf(transcript) };
    },
    async beginImport({ sessionId }) {
      check();
      writes += 1;
      const id = randomUUID();
      imports.set(id, sessionId);
      return { id, sessionId };
    },
    async readImport(importId) {
      check();
      const sessionId = imports.get(importId);
      if (sessionId === undefined) throw new BooError('not_found', 'This import does not exist.');
      return { id: importId, sessionId, events: 0 };
    },
    async addImportLines(importId) {
      check();
      if (!imports.has(importId)) throw new BooError('not_found', 'This import does not exist.');
      writes += 1;
    },
    async finishImport(importId) {
      check();
      if (!imports.delete(importId)) throw new BooError('not_found', 'This import does not exist.');
      return this.createChat({ cwd: '/' });
    },
    async removeImport(importId) {
      check();
      if (!imports.delete(importId)) throw new BooError('not_found', 'This import does not exist.');
      writes += 1;
    },
    async listDecisions({ status, chatId, ...wanted }) {
      check();
      const all = [...decisions.values()].filter(
        (one) => (!status || one.status === status) && (!chatId || one.chatId === chatId),
      );
      return page(all, wanted);
    },
    async answerDecision(actor, decisionId, { outcome }) {
      check();
      const known = decisions.get(decisionId);
      if (!known) throw new BooError('not_found', `The decision ${decisionId} does not exist.`);
      if (known.status === 'resolved') {
        throw new BooError('decision_settled', `It was settled by ${known.by}.`, { details: { decision: known } });
      }
      writes += 1;
      const { by, principal = null, via = null } = doneByActor(actor);
      const settled: Decision = { ...known, status: 'resolved', resolvedAt: time, outcome, by, principal, via };
      decisions.set(decisionId, settled);
      return settled;
    },
    moveToHost: async (_actor, chatId, { hostId }) => {
      entryOf(chatId);
      return { from: null, to: { id: hostId, name: 'other' }, moved: true, pinnedTo: null };
    },
    draining: {
      start: async () => check(),
      status: { state: 'off', until: null, left: 0, running: [] },
      cancel: async () => check(),
    },
    budgets: {
      async read() {
        check();
        return noBudgets;
      },
      async patch() {
        check();
        return noBudgets;
      },
    },
    async listHosts() {
      check();
      return [];
    },
    findHolder: () => Promise.resolve(null),
    findOtherHost: () => Promise.resolve(null),
    info() {
      check();
      return {
        name: 'boocode',
        version: '0.0.0',
        hostId: '00000000-0000-4000-8000-000000000000',
        demo: true,
        defaultBackend: 'claude_sdk',
        backends: [],
        agents: [],
        warmChats: 0,
        startingAgents: 0,
        waitingStarts: 0,
        startedAt: time,
      };
    },
    async health() {
      return this.healthy ? null : 'database_unreachable';
    },
  };
}

async function* pagesOf<T>(items: readonly T[]): AsyncGenerator<T[], void, undefined> {
  for (const item of items) yield [item];
}

function counted<T>(items: AsyncIterable<T>, count: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await iterator.next();
          if (result.done !== true) count();
          return result;
        },
      };
    },
  };
}

const noTotals = { ...noUsage, costUsd: 0, unpricedTokens: 0 };

function scheduleOf(chatId: string, content: string, at: string): Schedule {
  const about = { chatTitle: null, madeBy: 'person', timeZone: 'UTC', missed: 'run', isPaused: false } as const;
  return { id: randomUUID(), chatId, content, at, nextAt: at, lastAt: null, createdAt: time, ...about };
}
