/**
 * A stub of the server, for client tests: it keeps chats, events and decisions in memory and has no agent. The test
 * itself decides what happens in a turn.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BooError } from '../../src/protocol/error.ts';
import { type Chat, type ForkChat, initialSettings, type PatchChat } from '../../src/protocol/chat.ts';
import type { AskAside } from '../../src/protocol/aside.ts';
import type { ContentBlock } from '../../src/protocol/content.ts';
import type { AnswerDecision, Decision } from '../../src/protocol/decision.ts';
import type { DeltaBody, Event, EventBody } from '../../src/protocol/event.ts';
import type { SignInLink } from '../../src/protocol/info.ts';
import { doneByActor } from '../../src/protocol/principal.ts';
import type { SubmitPrompt } from '../../src/protocol/prompt.ts';
import type { ChangeDiff, ChangeList } from '../../src/protocol/changes.ts';
import type { FilesRewind, RewindChat } from '../../src/protocol/rewind.ts';
import type { PlanUsage } from '../../src/protocol/plan-usage.ts';
import type { WakeCost } from '../../src/protocol/wake-cost.ts';
import type { ChatTrust } from '../../src/protocol/trust.ts';
import { ownerVia } from './owners-chats.ts';
import type { HostInfo } from '../../src/protocol/host.ts';

const host = { version: '0.0.0', startedAt: '2026-01-01T00:00:00.000Z', isThis: false };
const hosts: HostInfo[] = [
  {
    ...host,
    id: '00000000-0000-4000-8000-000000000000',
    name: 'box',
    address: 'http://10.0.0.5:4127',
    state: 'up',
    isThis: true,
    seenAt: '2026-01-01T00:00:00.000Z',
    backends: ['claude_sdk'],
    workspaces: ['/home/a'],
    chats: 3,
    warmChats: 2,
    waitingStarts: 0,
    memoryBytes: 8e9,
    freeMemoryBytes: 2.5e9,
  },
  {
    ...host,
    id: '11111111-0000-4000-8000-000000000000',
    name: 'old\u001bbox',
    address: null,
    state: 'silent',
    seenAt: null,
    backends: [],
    workspaces: [],
    chats: 0,
    warmChats: 0,
    waitingStarts: 0,
    memoryBytes: 0,
    freeMemoryBytes: 0,
  },
];

const backends = [
  { name: 'claude_sdk', agent: 'claude', label: 'Agent SDK', available: true },
  { name: 'claude_pty', agent: 'claude', label: 'terminal program', available: true },
];

const filesRewind: FilesRewind = {
  rewindId: null,
  covers: 'tree',
  writtenSince: [],
  root: '/work',
  takenAt: '2026-01-01T00:00:00.000Z',
  tree: 'a'.repeat(40),
  files: [
    {
      path: 'odd\n\u001b[2J',
      status: 'deleted',
      added: 0,
      removed: 1,
      isBinary: false,
      isSubmodule: false,
      content: null,
    },
  ],
  count: 1,
  isTruncated: false,
  kept: [{ path: 'big.bin', reason: 'too_large' }],
  keptCount: 1,
  commits: 2,
  workingChats: [{ chatId: '00000000-0000-4000-8000-000000000000', title: 'Other' }],
};

export interface StubServer {
  readonly url: string;
  readonly token: string;
  readonly chats: Chat[];
  readonly decisions: Decision[];
  /** What the chats' directories enable, by chat. */
  readonly trusts: Map<string, ChatTrust>;
  /** What has changed, by chat. */
  readonly changes: Map<string, { list: ChangeList; diff: ChangeDiff }>;
  /** Those that were no dry runs. */
  readonly rewinds: RewindChat[];
  /** What every rewind of files would change. */
  readonly filesRewind: FilesRewind;
  /** `METHOD /path` of every request. */
  readonly requests: string[];
  budgets: { dayUsd: number | null | 'default'; serverUsd: number | null | 'default' };
  /** What was asked about changes. */
  readonly queries: URLSearchParams[];
  planUsage: PlanUsage;
  /** Of every chat. Without it the server is an older one. */
  wakeCost: WakeCost | undefined;
  addChat(fields?: Partial<Chat>): Chat;
  append(chatId: string, body: EventBody): Event;
  /** As after a restore: the chat has another log, with these events. */
  replaceLog(chatId: string, bodies: readonly EventBody[]): void;
  stream(chatId: string, body: DeltaBody): void;
  /** A pending decision and its event. */
  requestDecision(chatId: string, fields: Partial<Decision>): Decision;
  settle(decision: Decision, answer: AnswerDecision, via: string): void;
  /** Breaks every live feed; readers reconnect automatically. */
  dropFeeds(): void;
  /** How many readers follow the chat. */
  readers(chatId: string): number;
  /** How many of the next prompts are refused for good. */
  refusePrompts: number;
  /** How many of the next answers to decisions get an error. */
  refuseAnswers: number;
  signInLink: SignInLink;
  /** The codes used to sign the agents in. */
  readonly signInCodes: string[];
  onPrompt: (chatId: string, promptId: string, content: readonly ContentBlock[]) => void;
  onInterrupt: (chatId: string) => void;
  /** What a step on a chat's worktree answers; an error is what it is refused with. */
  onWorktree: (chatId: string, step: { name: string; discard: string | null; body: unknown }) => object;
  /** A side question waits for it. */
  onAside: () => Promise<void>;
  /** Returns the problem that a PATCH gets, or undefined if the PATCH is accepted. */
  onPatch: (chatId: string, body: unknown) => { status: number; code: string; detail: string } | undefined;
  /** Runs a scripted turn; an error after `close` is ignored. */
  inBackground(work: Promise<unknown>): void;
  close(): Promise<void>;
}

export async function openStubServer(): Promise<StubServer> {
  const token = 'token-of-the-stub';
  const at = new Date(0).toISOString();
  const logs = new Map<string, Event[]>();
  const feeds = new Map<string, Set<ServerResponse>>();
  const streamed = new Map<string, string>();
  const logOf = (chatId: string): Event[] => logs.get(chatId) ?? [];
  const feedsOf = (chatId: string): Set<ServerResponse> => feeds.get(chatId) ?? new Set();

  /** By chat: what cursors of its log end with. */
  const marks = new Map<string, string>();
  const markOf = (chatId: string): string => marks.get(chatId) ?? 'first';
  const eventFrame = (event: Event): string =>
    `event: event\nid: ${event.seq}-${markOf(event.chatId)}\ndata: ${JSON.stringify(event)}\n\n`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stub');
    stub.requests.push(`${request.method} ${url.pathname}`);
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body: unknown = text === '' ? {} : JSON.parse(text);
    const json = (status: number, value: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const problem = (status: number, code: string, detail: string, more: object = {}): void =>
      json(status, { ...more, status, code, detail });

    if (url.pathname === '/healthz') return json(200, { name: 'boocode', status: 'ok' });
    if (request.headers.authorization !== `Bearer ${token}`) return problem(401, 'unauthorized', 'Wrong token.');
    if (url.pathname === '/v1/hosts') return json(200, { items: hosts });
    if (url.pathname === '/v1/budgets') {
      const given = { ...stub.budgets, ...(body as Partial<StubServer['budgets']>) };
      const [dayUsd, serverUsd] = [given.dayUsd, given.serverUsd].map((usd) => (usd === 'default' ? null : usd));
      stub.budgets = given;
      const day = { limitUsd: dayUsd, spentUsd: 1.25, isSet: dayUsd !== null, resetsAt: '2026-01-02T00:00:00.000Z' };
      return json(200, { day, server: { limitUsd: serverUsd, spentUsd: 42, isSet: false } });
    }
    if (url.pathname === '/v1/info') return json(200, { name: 'boocode', demo: false, hostId: hosts[0]?.id, backends });
    if (url.pathname === '/v1/plan-usage') return json(200, stub.planUsage);
    if (url.pathname === '/v1/sign-in-links') return json(201, stub.signInLink);
    if (url.pathname.startsWith('/v1/agent-sign-in')) {
      if (request.method === 'DELETE') return void response.writeHead(204).end();
      if (!url.pathname.endsWith('/code'))
        return json(201, { url: 'https://claude.example/authorize?state=s', expiresAt: at });
      stub.signInCodes.push((body as { code: string }).code);
      return void response.writeHead(204).end();
    }
    const [, , noun, id, part] = url.pathname.split('/');
    if (noun === 'decisions') {
      if (request.method === 'GET') {
        const status = url.searchParams.get('status');
        const chatId = url.searchParams.get('chatId');
        const items = stub.decisions.filter(
          (each) => (status === null || each.status === status) && (chatId === null || each.chatId === chatId),
        );
        return json(200, { items, next: null });
      }
      const decision = stub.decisions.find((each) => each.id === id);
      if (!decision) return problem(404, 'not_found', 'The decision does not exist.');
      if (stub.refuseAnswers > 0) {
        stub.refuseAnswers -= 1;
        return problem(503, 'storage_unavailable', 'Not now.');
      }
      if (decision.status === 'resolved') return problem(409, 'decision_settled', 'Too late.', { decision });
      stub.settle(decision, body as AnswerDecision, String(request.headers['boocode-client']));
      return json(200, decision);
    }
    if (id === undefined) {
      if (request.method === 'GET') {
        const archived = url.searchParams.get('archived') ?? 'any';
        const group = url.searchParams.get('group');
        const items = stub.chats.filter(
          (each) =>
            (archived === 'any' || String(each.archived) === archived) && (group === null || each.group === group),
        );
        return json(200, { items, next: null });
      }
      return json(201, stub.addChat(body as Partial<Chat>));
    }
    const chat = stub.chats.find((each) => each.id === id);
    if (!chat) return problem(404, 'not_found', 'The chat does not exist.');
    if (part === undefined && request.method === 'PATCH') {
      const refused = stub.onPatch(chat.id, body);
      if (refused) return problem(refused.status, refused.code, refused.detail, refused);
      const { running: _running, ...changes } = body as PatchChat;
      return json(200, Object.assign(chat, changes));
    }
    if (part === undefined) return json(200, chat);
    if (part === 'wake-cost' && stub.wakeCost) return json(200, stub.wakeCost);
    if (part === 'trust') {
      const asked = stub.trusts.get(chat.id);
      if (!asked) return problem(404, 'not_found', 'There is nothing to trust.');
      if (request.method === 'POST') Object.assign(asked, { trusted: true, holds: true });
      return json(200, asked);
    }
    if (part === 'changes') {
      stub.queries.push(url.searchParams);
      const told = stub.changes.get(chat.id);
      if (!told) return problem(409, 'changes_unavailable', 'It is not in a git repository.');
      return json(200, url.pathname.endsWith('/diff') ? told.diff : told.list);
    }
    if (part === 'resume') {
      chat.hold = null;
      return json(200, chat);
    }
    if (part === 'fork') {
      const { at, title = `${chat.title} (fork)` } = body as ForkChat;
      const forked = stub.addChat({ title, forkedFrom: { chatId: chat.id, seq: at ?? chat.head } });
      return json(201, forked);
    }
    if (part === 'worktree') {
      const name = request.method === 'DELETE' ? 'remove' : (url.pathname.split('/').at(-1) ?? '');
      const told = stub.onWorktree(chat.id, { name, discard: url.searchParams.get('discard'), body });
      return told instanceof BooError ? problem(409, told.code, told.message, told.details) : json(200, told);
    }
    if (part === 'aside') await stub.onAside();
    if (part === 'aside') return json(200, { answer: `\u001b[2JAbout ${(body as AskAside).question}` });
    if (part === 'rewind') {
      const { what, undo, dryRun } = body as RewindChat;
      if (!dryRun) stub.rewinds.push(body as RewindChat);
      const files = what === 'files' || what === 'both' || undo ? stub.filesRewind : null;
      const promptIds = what === 'files' || undo ? [] : ['p1', 'p2'];
      return json(200, { promptIds, files: files && { ...files, rewindId: dryRun ? null : 'r1' } });
    }
    if (part === 'interrupt') {
      json(200, { interrupted: true, turnId: null });
      return stub.onInterrupt(chat.id);
    }
    if (part === 'prompts') {
      if (stub.refusePrompts > 0) {
        stub.refusePrompts -= 1;
        return problem(409, 'prompt_conflict', 'It cannot be stored.');
      }
      const { id: promptId = randomUUID(), content } = body as SubmitPrompt;
      const known = logOf(chat.id).find((event) => event.type === 'prompt_accepted' && event.promptId === promptId);
      const blocks = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
      const { seq } = known ?? stub.append(chat.id, { type: 'prompt_accepted', promptId, content: blocks });
      json(known ? 200 : 202, { promptId, chatId: chat.id, seq, ...(chat.hold ? { held: true } : {}) });
      return known ? undefined : stub.onPrompt(chat.id, promptId, blocks);
    }
    const [seq, mark = markOf(chat.id)] = (url.searchParams.get('after') ?? '0').split('-');
    const verdict = mark === markOf(chat.id) ? 'ok' : 'gap';
    const after = verdict === 'ok' ? Number(seq) : 0;
    const items = logOf(chat.id).filter((event) => event.seq > after);
    if (!request.headers.accept?.includes('event-stream')) return json(200, { items, next: null, head: chat.head });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(
      `event: resume\ndata: ${JSON.stringify({ type: 'resume', verdict, after: Number(seq), head: chat.head })}\n\n`,
    );
    for (const event of items) response.write(eventFrame(event));
    response.write(streamed.get(chat.id) ?? '');
    feedsOf(chat.id).add(response);
    response.on('close', () => feedsOf(chat.id).delete(response));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  let isClosed = false;
  const stub: StubServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    chats: [],
    rewinds: [],
    filesRewind: { ...filesRewind },
    decisions: [],
    trusts: new Map(),
    changes: new Map(),
    requests: [],
    budgets: { dayUsd: null, serverUsd: 40 },
    queries: [],
    inBackground(work) {
      void work.catch((error: unknown) => {
        if (!isClosed) throw error;
      });
    },
    planUsage: { items: [] },
    wakeCost: undefined,
    addChat(fields = {}) {
      const chat: Chat = {
        ...initialSettings,
        id: randomUUID(),
        title: 'A chat',
        cwd: '/work',
        workspace: null,
        holder: null,
        currentDirectory: fields.cwd ?? '/work',
        agent: 'claude',
        backend: 'claude_sdk',
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
        group: null,
        createdAt: at,
        updatedAt: at,
        ...fields,
      };
      stub.chats.unshift(chat);
      logs.set(chat.id, []);
      feeds.set(chat.id, new Set());
      return chat;
    },
    append(chatId, body) {
      const event = { chatId, seq: logOf(chatId).length + 1, at, ...body } as Event;
      logOf(chatId).push(event);
      for (const chat of stub.chats) if (chat.id === chatId) chat.head = event.seq;
      if (event.type === 'agent_message') streamed.delete(chatId);
      for (const feed of feedsOf(chatId)) feed.write(eventFrame(event));
      return event;
    },
    replaceLog(chatId, bodies) {
      marks.set(chatId, randomUUID().slice(0, 8));
      logs.set(chatId, []);
      for (const feed of feedsOf(chatId)) feed.destroy();
      feeds.set(chatId, new Set());
      for (const chat of stub.chats) if (chat.id === chatId) chat.head = 0;
      for (const body of bodies) stub.append(chatId, body);
    },
    stream(chatId, body) {
      const frame = `event: delta\ndata: ${JSON.stringify({ chatId, ...body })}\n\n`;
      streamed.set(chatId, (streamed.get(chatId) ?? '') + frame);
      for (const feed of feedsOf(chatId)) feed.write(frame);
    },
    requestDecision(chatId, fields) {
      const decision: Decision = {
        id: randomUUID(),
        chatId,
        turnId: null,
        kind: 'permission',
        title: 'Bash: ls',
        input: { command: 'ls' },
        toolName: 'Bash',
        toolCallId: null,
        subagentCallId: null,
        canAllowAlways: true,
        alwaysScope: ['Allowed from now on: every call of Bash.'],
        status: 'pending',
        requestedAt: at,
        resolvedAt: null,
        outcome: null,
        by: null,
        principal: null,
        via: null,
        ...fields,
      };
      stub.decisions.push(decision);
      const { id: decisionId, kind, title, input, canAllowAlways } = decision;
      const toolCallId = decision.toolCallId ?? undefined;
      const toolName = decision.toolName ?? undefined;
      const asked = { decisionId, kind, toolName, toolCallId, title, input, canAllowAlways };
      stub.append(chatId, { type: 'decision_requested', ...asked });
      return decision;
    },
    settle(decision, { outcome, ...rest }, via) {
      const who = doneByActor(ownerVia(via));
      Object.assign(decision, { status: 'resolved', outcome, ...who, resolvedAt: at, ...rest });
      stub.append(decision.chatId, { type: 'decision_resolved', decisionId: decision.id, outcome, ...who });
    },
    dropFeeds() {
      for (const open of feeds.values()) for (const feed of open) feed.destroy();
    },
    readers: (chatId) => feedsOf(chatId).size,
    refusePrompts: 0,
    refuseAnswers: 0,
    signInCodes: [],
    signInLink: { url: '', expiresAt: at, loopback: true },
    onPrompt: () => {},
    onInterrupt: () => {},
    onWorktree: () => new BooError('worktree_refused', 'It has none.', { details: { reason: 'no_worktree' } }),
    onAside: () => Promise.resolve(),
    onPatch: () => undefined,
    close: () =>
      new Promise((resolve) => {
        isClosed = true;
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return stub;
}
