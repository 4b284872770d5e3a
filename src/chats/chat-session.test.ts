import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { openChatLog, openChatSettings } from '../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import type { Agent } from '../agents/agent.ts';
import type { AgentSession, AgentSessionSpec } from '../agents/agent-backend.ts';
import { silentLog } from '../lib/log.ts';
import { openAdmission } from '../../test/support/open-admission.ts';
import { BooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { findAgentSession } from '../store/agent-sessions.ts';
import { insertTrust } from '../store/directory-trusts.ts';
import { readEvents } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatLog } from './chat-log.ts';
import { ChatSession } from './chat-session.ts';
import type { ChatSettings } from './chat-settings.ts';
import { ChatStateMachine } from './chat-state-machine.ts';
import { Waits } from './waits.ts';
import { WorkQueue } from './work-queue.ts';
import { Workspaces } from './workspaces/workspaces.ts';

let database: TestDatabase;
let log: ChatLog;
let settings: ChatSettings;
let state: ChatStateMachine;
let queue: WorkQueue;
let waits: Waits;
let session: ChatSession;
/** The sessions that were opened, and what happened to them. */
let opened: Required<AgentSessionSpec>[];
let closed: number;
let failures: unknown[];
let warnings: unknown[][];
/** What the next sessions can do, besides being closed. */
let given: Partial<{ -readonly [K in keyof AgentSession]: AgentSession[K] }>;
let agent: Partial<Agent>;
/** Happens while a session opens. */
let onOpen: (spec: Required<AgentSessionSpec>, signal?: AbortSignal) => void | Promise<void>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { sql } = database;
  log = await openChatLog(sql, { onStored: (event) => waits.noted(event) });
  settings = await openChatSettings(sql, log);
  settings.stored({ cwd: '/tmp' });
  state = new ChatStateMachine(() => {});
  queue = new WorkQueue(() => Promise.resolve(null));
  const limits = { quietMs: 1, modelSilenceMs: 0, onChanged() {}, onSilentModel() {} };
  waits = new Waits({ clock: new ManualClock(), ...limits });
  [opened, closed, failures, warnings] = [[], 0, [], []];
  given = {};
  agent = { foldSummary: () => ({ data: {} }) };
  onOpen = () => {};
  const backend = {
    async openSession(spec: Required<AgentSessionSpec>, signal?: AbortSignal): Promise<Partial<AgentSession>> {
      opened.push(spec);
      await onOpen(spec, signal);
      return { close: () => Promise.resolve(void (closed += 1)), ...given };
    },
  };
  const agents = { backendFor: () => backend, agentFor: () => agent };
  session = new ChatSession({
    sql,
    log,
    settings,
    state,
    queue,
    waits,
    agents,
    logger: { ...silentLog, warn: (...line: unknown[]) => void warnings.push(line) },
    dataDir: '/nonexistent',
    workspaces: new Workspaces({ dataDir: '/nonexistent', env: {} }),
    admission: openAdmission(),
    budget: { open: () => undefined, noteEnd() {} },
    onPlaceChanged: () => {},
    fail: (error: unknown) => void failures.push(error),
  } as unknown as ChatContext);
});

const events = (): Promise<Event[]> => readEvents(database.sql, log.lease.chatId, { after: 0, limit: 100 });
const no = new BooError('agent_failed', 'No.');

describe('a session', () => {
  test('is opened with the chat’s settings, once', async () => {
    settings.stored({ model: 'opus', effort: 'high', permissionMode: 'plan', acceptsAgentMessages: true });
    const warmed = session.warm();
    expect(state.session.is).toBe('cold');
    await warmed;
    expect([session.isReady, session.isOpening, session.handle]).toEqual([true, false, state.handle]);
    await session.warm();
    const { chatId } = log.lease;
    expect(opened).toHaveLength(1);
    expect(opened[0]).toMatchObject({
      chatId,
      cwd: '/tmp',
      model: 'opus',
      effort: 'high',
      permissionMode: 'plan',
      trusted: false,
      acceptsAgentMessages: true,
      sessionId: await findAgentSession(database.sql, chatId, 'claude'),
    });
  });

  test('is opened again under its id after a setting has changed, even while it opened', async () => {
    await session.warm();
    session.outdate();
    expect(session.isReady).toBe(false);
    onOpen = () => {
      if (opened.length === 2) session.outdate();
    };
    await session.warm();
    expect([opened.length, closed, session.isReady]).toEqual([3, 2, true]);
    expect(new Set(opened.map(({ sessionId }) => sessionId)).size).toBe(1);
  });

  test('that does not open leaves its reason, until that may be gone', async () => {
    onOpen = () => {
      throw no;
    };
    await expect(session.warm()).rejects.toBe(no);
    expect(state.session).toEqual({ is: 'cold', failure: no });
    session.forgetFailure();
    expect(state.session).toEqual({ is: 'cold', failure: undefined });
    onOpen = () => {};
    await session.warm();
    session.forgetFailure();
    expect(session.isReady).toBe(true);
  });

  test('is not opened by a host that has lost the chat, or is releasing it', async () => {
    queue.close();
    await expect(session.warm()).rejects.toMatchObject({ code: 'shutting_down' });
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
    await expect(session.warm()).rejects.toBeInstanceOf(FencedError);
    expect(opened).toEqual([]);
  });

  test('is closed once, and whoever closes it waits for that', async () => {
    await session.close();
    await session.warm();
    const both = [session.close(), session.close()];
    expect(state.session.is).toBe('closing');
    await Promise.all(both);
    expect([state.session.is, closed]).toEqual(['cold', 1]);
  });

  test('is abandoned whatever it does', async () => {
    await session.abandon();
    const gate = createGate();
    let signal: AbortSignal | undefined;
    onOpen = async (_, given) => {
      signal = given;
      await gate.pass();
    };
    const warmed = session.warm();
    await gate.reached;
    expect(session.isOpening).toBe(true);
    const abandoned = session.abandon();
    expect(signal?.aborted).toBe(true);
    gate.open();
    await Promise.all([warmed, abandoned]);
    expect(closed).toBe(1);
  });

  test('that is closing has closed only once its agent has, for whoever waits for that', async () => {
    const gate = createGate();
    given.close = () => gate.pass();
    await session.warm();
    const done: number[] = [];
    const all = [session.close(), session.close(), session.abandon()].map((it, index) =>
      it.then(() => done.push(index)),
    );
    expect(await events()).toEqual([]);
    opened[0]!.onMcpServers([]);
    expect([done, state.session.is]).toEqual([[], 'closing']);
    gate.open();
    await Promise.all(all);
    expect(state.session.is).toBe('cold');
  });

  test('DECIDE-14: that is abandoned is closed only if it cannot be suspended', async () => {
    for (const isSuspended of [true, false]) {
      given.suspend = () => Promise.resolve(isSuspended);
      await session.warm();
      await session.abandon();
      expect(closed).toBe(isSuspended ? 0 : 1);
      opened.at(-1)!.onLost(no);
    }
  });

  test('DECIDE-14: is opened again to continue a call, and once more for the next turn when nothing is left to do', async () => {
    await session.warm();
    const call = {
      toolCallId: 'c',
      toolName: 'Bash',
      answer: { outcome: 'allow' },
      waitingCallIds: [],
      finishedCallIds: [],
      onAsked: () => Promise.resolve(),
    } as const;
    given.isForOneCall = true;
    given.isBusy = true;
    await session.continueCall(call);
    expect([opened.length, closed, opened[1]!.continues]).toEqual([2, 1, call]);
    await session.warm();
    expect([session.isReady, opened.length]).toEqual([true, 2]);
    given = {};
    Object.assign(session.handle!, { isBusy: false });
    expect(session.isReady).toBe(false);
    await session.warm();
    expect([session.isReady, opened.length, opened[2]!.continues]).toEqual([true, 3, undefined]);
  });
});

describe('the settings of a directory that the chat trusts', () => {
  /** What is there, how often it was written, and how often it was read. */
  let text: string;
  let writes: number;
  let reads: number;
  const path = '.claude/settings.local.json';
  const content = () => ({ path: '/tmp', digest: `digest of ${text}`, files: [{ path, sha256: text, text }] });
  const write = (next: string): void => {
    [text, writes] = [next, writes + 1];
  };
  const rules = (...allow: string[]): string => JSON.stringify({ permissions: { allow } });
  beforeEach(async () => {
    [text, writes, reads] = ['{}', 0, 0];
    agent.readDirectory = () => {
      const before = writes;
      reads += 1;
      return Promise.resolve({ ...content(), isCurrent: () => writes === before });
    };
    settings.stored({ trusted: true });
    await database.sql`delete from boocode.directory_trusts`;
    await insertTrust(database.sql, content());
  });

  test('TRUST-5: are read again only after something was written there, and the session stays if they are the same', async () => {
    await session.warm();
    expect(opened[0]).toMatchObject({ trusted: true, directory: content() });
    await session.warm();
    expect([reads, session.isReady]).toEqual([1, true]);
    write(text);
    expect(session.isReady).toBe(false);
    await session.warm();
    expect([reads, session.isReady, opened.length]).toEqual([2, true, 1]);
    expect(await events()).toEqual([]);
  });

  test('TRUST-5: are left out once they change or cannot be read, which a notice says once', async () => {
    await session.warm();
    for (const next of ['{"a":1}', '{"a":1}', '{"b":1}']) {
      write(next);
      session.outdate();
      await session.warm();
      expect(opened.at(-1)).toMatchObject({ trusted: false, directory: content() });
    }
    agent.readDirectory = () => Promise.reject(no);
    for (let round = 0; round < 2; round += 1) {
      session.outdate();
      await session.warm();
      expect(opened.at(-1)).toMatchObject({ trusted: false, directory: undefined });
    }
    const said = (await events()) as { message: string }[];
    const notice = { type: 'notice', level: 'warning', code: 'trust_changed' };
    const files = [{ path, change: 'changed' }];
    expect(said).toMatchObject([
      { ...notice, data: { digest: 'digest of {"a":1}', files } },
      { ...notice, data: { digest: 'digest of {"b":1}', files } },
      { ...notice, message: `No. Look at it and trust it with: boocode trust ${log.lease.chatId}`, data: {} },
    ]);
    expect(said[0]!.message).toContain(`Look at it and trust it with: boocode trust ${log.lease.chatId}`);
  });

  test('TRUST-5: that change between turns are taken for the next one, or left out', async () => {
    await session.warm();
    write(rules('Bash(ls)'));
    session.noteRules(['Bash(ls)']);
    await session.warm();
    expect([opened.length, session.isReady]).toEqual([2, true]);
    expect(opened[1]).toMatchObject({ trusted: true, directory: content() });
    // Nobody was asked about this one.
    write(rules('Bash(ls)', 'Bash(rm)'));
    await session.warm();
    expect(opened[2]).toMatchObject({ trusted: false, directory: content() });
    agent.readDirectory = () => Promise.reject(no);
    write(text);
    await session.warm();
    expect(opened[3]).toMatchObject({ trusted: false, directory: undefined });
  });

  test('are not read while the session is closed, or for a chat that does not want them', async () => {
    await session.warm();
    await session.close();
    settings.stored({ trusted: false });
    await session.warm();
    expect([reads, opened.length]).toEqual([1, 2]);
    expect(opened[1]).toMatchObject({ trusted: false, directory: undefined });
  });
});

describe('a session that is lost', () => {
  test('while it opens has not opened', async () => {
    onOpen = ({ onLost }) => {
      onLost(no);
      expect(state.session.is).toBe('opening');
    };
    await expect(session.warm()).rejects.toBe(no);
    expect(state.session).toMatchObject({ is: 'cold', failure: no });
    const { chatId } = log.lease;
    expect(warnings).toEqual([[{ chatId, cause: 'No.' }, 'The agent process was lost.']]);
  });

  test('takes its background work with it, which is reported', async () => {
    await session.warm();
    opened[0]!.onEvent({ type: 'background_tasks', tasks: [{ taskId: 't', kind: 'bash', description: 'serve' }] });
    await log.settled();
    expect(waits.hasBackground).toBe(true);
    opened[0]!.onLost(no);
    await log.settled();
    expect([state.session.is, waits.hasBackground]).toEqual(['cold', false]);
    const type = 'background_tasks';
    expect(await events()).toMatchObject([
      { type, tasks: [{ description: 'serve' }] },
      { type, tasks: [] },
    ]);
    expect(failures).toEqual([]);
  });

  test('after another one was opened changes nothing', async () => {
    await session.warm();
    session.outdate();
    await session.warm();
    opened[0]!.onLost(no);
    expect(session.isReady).toBe(true);
    opened[1]!.onLost(no);
    await log.settled();
    expect(state.session.is).toBe('cold');
    expect(await events()).toEqual([]);
  });
});

describe('what a session reports between turns', () => {
  test('is stored, and changes the chat', async () => {
    await session.warm();
    opened[0]!.onEvent({ type: 'session_info_update', title: 'A name' });
    await until(() => settings.row.title === 'A name');
    expect(await events()).toMatchObject([{ type: 'session_info_update' }]);
    expect((await events())[0]).not.toHaveProperty('turnId', expect.any(String));
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
    opened[0]!.onEvent({ type: 'session_info_update', title: 'Another' });
    await until(() => failures.length === 1);
    expect([failures[0], settings.row.title]).toEqual([expect.any(FencedError), 'A name']);
  });

  test('of its cost is booked', async () => {
    await session.warm();
    await opened[0]!.onCost({ costUsd: 0.25, models: {} });
    await opened[0]!.onResumed({ m: { ...noUsage, outputTokens: 5, costUsd: 0.5 } });
    expect(await events()).toMatchObject([
      { code: 'session_cost', data: { costUsd: 0.25 } },
      { code: 'session_cost', data: { costUsd: 0.5 } },
    ]);
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${log.lease.chatId}`;
    await opened[0]!.onCost({ costUsd: 0.25, models: {} });
    expect(failures).toEqual([expect.any(FencedError)]);
  });

  test('is a sign, a turn of its own, or its MCP servers, as long as it is open', async () => {
    const first = [{ name: 'a', status: 'connected' }] as never;
    onOpen = ({ onMcpServers }) => onMcpServers(first);
    await session.warm();
    expect(state.mcpServers).toEqual(first);
    const { onMcpServers, onUnprompted, onSign } = opened[0]!;
    onMcpServers([]);
    expect(state.mcpServers).toEqual([]);
    const turn = (async function* () {})();
    onUnprompted(turn);
    expect(queue.takeUnprompted()).toBe(turn);
    let signs = 0;
    waits.sign = () => void (signs += 1);
    onSign();
    expect(signs).toBe(1);
    await session.close();
    onMcpServers(first);
    expect([state.session.is, state.mcpServers]).toEqual(['cold', null]);
  });
});
