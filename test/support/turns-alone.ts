import { randomUUID } from 'node:crypto';
import type { AgentEvent, AgentPrompt, AgentSession } from '../../src/agents/agent-backend.ts';
import type { ChatContext } from '../../src/chats/chat-context.ts';
import type { ChatLog } from '../../src/chats/chat-log.ts';
import type { ChatSettings } from '../../src/chats/chat-settings.ts';
import { ChatStateMachine } from '../../src/chats/chat-state-machine.ts';
import { acceptPrompt } from '../../src/chats/prompt-acceptance.ts';
import { Turns, type TurnsParts } from '../../src/chats/turns.ts';
import { Waits } from '../../src/chats/waits.ts';
import { WorkQueue } from '../../src/chats/work-queue.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Event } from '../../src/protocol/event.ts';
import { textOf } from '../../src/protocol/text-of.ts';
import { noUsage } from '../../src/protocol/usage.ts';
import { openAgentSession } from '../../src/store/agent-sessions.ts';
import type { RowChanges } from '../../src/store/chats.ts';
import type { Sql } from '../../src/store/database.ts';
import { type NewEvent, readEvents } from '../../src/store/events.ts';
import { nextPrompt, type PromptRow } from '../../src/store/prompts.ts';
import { ManualClock } from './manual-clock.ts';
import { openChatLog, openChatSettings } from './open-chat-log.ts';
import { anActor } from './owners-chats.ts';
import { finished, said } from './scripted-backend.ts';

/** The turns of one chat, without the chat: its log is real; its session, its agent and its hold only record. */
export class TurnsAlone {
  readonly log: ChatLog;
  readonly settings: ChatSettings;
  readonly state = new ChatStateMachine(() => {});
  readonly queue: WorkQueue;
  readonly turns: Turns;
  /** What the session, the agent and the hold were told, in order. */
  seen: unknown[] = [];
  /** What was to be left out when a turn's use was counted. */
  readonly traced: unknown[] = [];
  /** What the agent yields. */
  script: (prompt: AgentPrompt) => AsyncIterable<AgentEvent> = () => yielding(said('Yes.', 'm'), finished());
  /** Takes a prompt while it is being stored. */
  scriptAhead: NonNullable<AgentSession['promptAhead']> = () => undefined;
  /** Happens while the session is made ready. */
  onWarm: () => void | Promise<void> = () => {};
  /** With which write the queue is held, if it is. */
  held: { event: NewEvent; chat: RowChanges } | null = null;
  /** What the agent's transcript says about the prompt. */
  wasAsked = false;
  readonly #sql: Sql;

  constructor(sql: Sql, log: ChatLog, settings: ChatSettings) {
    this.#sql = sql;
    this.log = log;
    this.settings = settings;
    this.queue = new WorkQueue(() => nextPrompt(sql, log.lease.chatId));
    const { state, queue } = this;
    const waits = new Waits({
      clock: new ManualClock(),
      quietMs: 1_000,
      modelSilenceMs: 0,
      onChanged() {},
      onSilentModel() {},
    });
    const agents = {
      backendFor: () => ({ wasAsked: () => Promise.resolve(this.wasAsked) }),
      agentFor: () => ({
        foldSummary: () => undefined,
        createTurnTraces: (except: unknown) => {
          this.traced.push(except);
          const used = { m: { ...noUsage, outputTokens: 7 } };
          return { add() {}, seen: used, spent: used, finishedCalls: new Set() };
        },
      }),
    };
    const tell = (...what: unknown[]): Promise<void> => Promise.resolve(void this.seen.push(...what));
    const session = {
      get isReady() {
        return state.handle !== undefined;
      },
      place: { stopWaiting: () => undefined },
      warm: async (_purpose: string, onAdmitted: () => Promise<void>) => {
        if (!state.handle) await onAdmitted();
        await this.onWarm();
        if (!state.handle) this.open();
      },
      close: () => tell('close'),
    };
    const hold = {
      countStart: (id: string, starts: number) => tell([id, starts]),
      hold: (what: object, isNext: () => boolean) => tell(['hold', what, isNext()]),
      holding: (what: object) => (this.seen.push(['holding', what]), this.held),
      afterTurn: (...what: unknown[]) => (this.seen.push(['after', ...what]), null),
    };
    const parts = {
      session,
      hold,
      budgetHold: { holds: () => Promise.resolve(false), afterTurn: (end: object) => ({ end }) },
      decisions: { pending: new Set<string>(), kept: new Set<string>(), unheard: new Set<string>(), denied: new Map() },
    };
    // Its directory is in no repository.
    const workspaces = { changes: { atTurn: () => Promise.resolve(), afterTurn: () => {} } };
    const context = { sql, log, settings, state, queue, waits, agents, workspaces, logger: silentLog };
    this.turns = new Turns(context as unknown as ChatContext, parts as unknown as TurnsParts);
  }

  /** The agent's session is ready. */
  open(): void {
    const { state } = this;
    state.moveSession({ is: 'opening', abort: new AbortController(), done: Promise.resolve(), mcpServers: null });
    const handle: Partial<AgentSession> = {
      prompt: (prompt) => (this.seen.push(['asked', textOf(prompt.content)]), this.script(prompt)),
      promptAhead: (prompt, isStored) => this.scriptAhead(prompt, isStored),
      interrupt: () => Promise.resolve(void this.seen.push('interrupt')),
    };
    state.moveSession({ is: 'ready', handle: handle as AgentSession, directory: undefined, mcpServers: null });
  }

  /** A prompt that waits, and is the next one. */
  async waiting(starts = 0): Promise<PromptRow> {
    await acceptPrompt(this.log, this.settings, prompt);
    await this.#sql`update boocode.prompts set starts = ${starts} where chat_id = ${this.log.lease.chatId}`;
    return (await this.queue.nextPrompt())!;
  }

  events(): Promise<Event[]> {
    return readEvents(this.#sql, this.log.lease.chatId, { after: 0, limit: 100 });
  }

  /** The events of the only turn after its start. */
  async turnOf(promptIds: string[] = ['p']): Promise<Event[]> {
    const events = await this.events();
    const at = events.findIndex((event) => event.type === 'turn_started');
    const [start, ...turn] = at === -1 ? [] : events.slice(at);
    const ends = turn.filter(({ type }) => type === 'turn_finished').length;
    const told = JSON.stringify(start?.type === 'turn_started' && start.promptIds);
    if (ends !== 1 || told !== JSON.stringify(promptIds) || this.state.turn) {
      throw new Error(`It is not one turn of ${promptIds.join()}: ${JSON.stringify(events)}`);
    }
    return turn;
  }

  async assertNoTurn(): Promise<void> {
    const events = await this.events();
    if (events.some(({ type }) => type !== 'prompt_accepted') || this.state.interrupt(anActor)) {
      throw new Error(`There is a turn: ${JSON.stringify(events)}`);
    }
  }

  /** What is stored of the prompt. */
  async row(): Promise<{ starts: number; waits: boolean } | undefined> {
    const [found] = await this.#sql<{ starts: number; waits: boolean }[]>`
      select starts, turn_id is null as waits from boocode.prompts where chat_id = ${this.log.lease.chatId}`;
    return found;
  }
}

export async function openTurnsAlone(sql: Sql): Promise<TurnsAlone> {
  const log = await openChatLog(sql);
  const settings = await openChatSettings(sql, log);
  settings.name('A name');
  await openAgentSession(sql, log.lease, { agent: 'claude', backend: 'claude_sdk', sessionId: randomUUID() });
  return new TurnsAlone(sql, log, settings);
}

// oxlint-disable-next-line typescript/require-await
export async function* yielding(...events: AgentEvent[]): AsyncGenerator<AgentEvent> {
  yield* events;
}

const content = [{ type: 'text' as const, text: 'Go.' }];
export const prompt = { id: 'p', content, actor: anActor };
/** What the agent is asked. */
export const asking = ['asked', 'Go.'];
