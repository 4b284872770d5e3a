/**
 * A test double of an agent: an AgentBackend without a process or a model. A turn's content is a script of the test, an
 * async generator that may stop at gates. Like a real one it mirrors everything into the session store, so a reopened
 * session knows what was said before.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type {
  AgentBackend,
  AgentEvent,
  AgentEventOf,
  AgentPrompt,
  AgentSession,
  AgentSessionSpec,
  AnswerCheck,
  AskedCall,
  DecisionAnswer,
  SessionCost,
  StoredSession,
} from '../../src/agents/agent-backend.ts';
import type { AgentTerminal } from '../../src/terminal/agent-terminal.ts';
import { createPushable, type Pushable } from '../../src/lib/pushable.ts';
import type { BackendName, Effort, PermissionMode } from '../../src/protocol/chat.ts';
import { textOf } from '../../src/protocol/text-of.ts';
import { BooError, toBooError } from '../../src/protocol/error.ts';
import type { AgentBody, TurnOutcome } from '../../src/protocol/event.ts';
import { noUsage } from '../../src/protocol/usage.ts';

export interface ScriptedTurn {
  readonly chatId: string;
  /** Null for a turn the agent starts itself. */
  readonly turnId: string | null;
  readonly text: string;
  /** What was said before in this session, oldest first. */
  readonly history: readonly string[];
  readonly session: ScriptedSession;
  /** Asks for a decision, and returns the answer. */
  ask(question: Partial<AgentEventOf<'decision_requested'>>): AsyncGenerator<AgentEvent, DecisionAnswer>;
}

export type TurnScript = (turn: ScriptedTurn) => AsyncIterable<AgentEvent>;

interface RunningTurn {
  out: Pushable<AgentEvent>;
  failure?: Error;
}

export interface ScriptedSession {
  readonly spec: AgentSessionSpec;
  readonly history: string[];
  readonly decisions: Map<string, (answer: DecisionAnswer) => void>;
  readonly terminal: AgentTerminal & { viewerCount: number };
  model: string | null;
  effort: Effort | null;
  permissionMode: PermissionMode;
  acceptsAgentMessages: boolean;
  isStarted: boolean;
  turn: RunningTurn | undefined;
}

export class ScriptedBackend implements AgentBackend {
  readonly name: BackendName;
  readonly capabilities: {
    deltas: boolean;
    terminal: boolean;
    images: boolean;
    durableDecisions: boolean;
    continuesTurns: boolean;
  };
  /** What every turn does; a test can replace it. */
  script: TurnScript;
  /** Runs before a session is open: a test may wait here, or throw. */
  beforeOpen: (spec: AgentSessionSpec) => Promise<void> | void = () => {};
  /** Its verdict on an answer before it is stored. */
  check: (answer: DecisionAnswer) => AnswerCheck = () => 'fine';
  /** Runs before a session is closed. */
  beforeClose: (chatId: string) => Promise<void> | void = () => {};
  /** Chats with work that closing would kill. */
  readonly busy = new Set<string>();
  /** When what its agents have scheduled is due. */
  wakesInMs: number | null = null;
  hasOwnSchedule = false;
  /** Its agents' processes must be kept from telling what those have scheduled, first. */
  tellsFirst = false;
  readonly sessions = new Map<string, ScriptedSession>();
  /** How many sessions were opened and closed so far, and the spec of each. */
  readonly opened: AgentSessionSpec[] = [];
  closed = 0;
  /** Chats for which a second session was opened while one was open: none, if their host is correct. */
  readonly collisions: string[] = [];
  /** The errors of the session store. */
  readonly storeFailures: unknown[] = [];

  /** Ids of the tool calls that another process can continue; undefined if this agent continues none. */
  openCalls: Set<string> | undefined;
  /** The answers to continued calls that the agent received. */
  readonly continued: DecisionAnswer[] = [];

  /** What it does in a turn that it continues by itself. */
  continueTurn: TurnScript = async function* () {
    yield said('It continued by itself.');
    yield finished();
  };

  /** The cost a session still reports when it is closed. */
  costAtEnd: SessionCost | undefined;

  constructor(script: TurnScript = answerBriefly, name: BackendName = 'claude_sdk') {
    this.script = script;
    this.name = name;
    const isTerminal = name === 'claude_pty';
    this.capabilities = {
      deltas: !isTerminal,
      terminal: isTerminal,
      images: !isTerminal,
      durableDecisions: false,
      continuesTurns: !isTerminal,
    };
  }

  async openSession(spec: AgentSessionSpec, signal?: AbortSignal): Promise<AgentSession> {
    if (this.sessions.has(spec.chatId)) {
      this.collisions.push(spec.chatId);
      throw new BooError('internal', `Chat ${spec.chatId} has an open session.`);
    }
    const { model, effort, permissionMode, acceptsAgentMessages } = spec;
    const session: ScriptedSession = {
      spec,
      model,
      effort,
      permissionMode,
      acceptsAgentMessages,
      history: [],
      decisions: new Map(),
      terminal: {
        viewerCount: 0,
        attach() {
          throw new BooError('terminal_unavailable', 'A scripted terminal has no screen.');
        },
      },
      isStarted: false,
      turn: undefined,
    };
    this.sessions.set(spec.chatId, session);
    try {
      await this.beforeOpen(spec);
      const entries = (await spec.sessionStore.load({ projectKey: 'scripted', sessionId: spec.sessionId })) ?? [];
      session.history.push(...entries.map((entry) => String(entry['text'])));
      if (signal?.aborted) throw new BooError('agent_failed', 'It was closed while it opened.');
      this.opened.push(spec);
    } catch (error) {
      this.#drop(session);
      throw error;
    }
    const handle = this.#handle(session);
    const { continues } = spec;
    const { continued: answers } = this;
    if (continues) {
      this.beginUnprompted(spec.chatId, async function* () {
        await continues.onAsked();
        answers.push(continues.answer);
        yield said('It continued.');
        yield finished();
      });
    }
    if (spec.continuesTurn === true) this.beginUnprompted(spec.chatId, (turn) => this.continueTurn(turn));
    return handle;
  }

  get canContinue(): AgentBackend['canContinue'] {
    const { openCalls } = this;
    return openCalls && ((_session, toolCallId) => Promise.resolve(openCalls.has(toolCallId)));
  }

  checkKeptAnswer(_asked: AskedCall, answer: DecisionAnswer): Promise<AnswerCheck> {
    return Promise.resolve(this.check(answer));
  }

  #suspend(session: ScriptedSession): boolean {
    const keptDecisionIds = [...session.decisions.keys()];
    if (!session.turn || keptDecisionIds.length === 0 || !this.openCalls?.size) return false;
    session.turn.out.push(finished('interrupted', { keptDecisionIds }));
    this.#end(session);
    this.#drop(session);
    return true;
  }

  #leaveTurn(session: ScriptedSession): boolean {
    if (!session.turn) return false;
    session.turn.out.push(finished('interrupted'));
    this.#end(session);
    this.#drop(session);
    return true;
  }

  #handle(session: ScriptedSession): AgentSession {
    const { capabilities } = this;
    const isBusy = (): boolean => isOpen() && this.isBusy(session);
    const wakesInMs = (): number | null => this.wakesInMs;
    const hasOwnSchedule = (): boolean => this.hasOwnSchedule;
    const tellsFirst = (): boolean => this.tellsFirst;
    const isOpen = (): boolean => this.sessions.get(session.spec.chatId) === session;
    return {
      prompt: (prompt) => this.prompt(session, prompt),
      checkAnswer: (decisionId, answer) =>
        Promise.resolve(isOpen() && session.decisions.has(decisionId) ? this.check(answer) : 'settled'),
      resolve(decisionId, answer) {
        const settle = session.decisions.get(decisionId);
        session.decisions.delete(decisionId);
        settle?.(answer);
        return settle !== undefined;
      },
      interrupt: () => this.interrupt(session),
      setModel: (model) => Promise.resolve(void (session.model = model)),
      setEffort: (effort) => Promise.resolve(((session.effort = effort), true)),
      setPermissionMode: (mode) => this.setPermissionMode(session, mode),
      setAcceptsAgentMessages: (accepts) => Promise.resolve(void (session.acceptsAgentMessages = accepts)),
      get isBusy() {
        return isBusy();
      },
      get wakesInMs() {
        return wakesInMs();
      },
      get hasOwnSchedule() {
        return hasOwnSchedule();
      },
      get tellsFirst() {
        return tellsFirst();
      },
      // The same one as long as the session is open; it shows nothing.
      ...(capabilities.terminal ? { terminal: session.terminal } : {}),
      ...(this.openCalls ? { suspend: () => Promise.resolve(this.#suspend(session)) } : {}),
      ...(capabilities.continuesTurns ? { leaveTurn: () => Promise.resolve(this.#leaveTurn(session)) } : {}),
      close: () => this.#close(session),
    };
  }

  /** A test may replace this, like the other methods. */
  async *prompt(session: ScriptedSession, prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    if (this.sessions.get(session.spec.chatId) !== session)
      throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    if (session.turn) throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    yield* this.#begin(session, { turnId: prompt.turnId, text: textOf(prompt.content) }, this.script);
  }

  /** A turn the agent starts itself. */
  beginUnprompted(chatId: string, script: TurnScript): void {
    const session = this.#session(chatId);
    session.spec.onUnprompted(this.#begin(session, { turnId: null, text: '' }, script));
  }

  /** Says something between turns. */
  tell(chatId: string, event: AgentBody): void {
    this.#session(chatId).spec.onEvent(event);
  }

  /** Loses the process, in the middle of whatever it did. */
  lose(chatId: string, message = 'The scripted process was killed.'): void {
    const session = this.#session(chatId);
    this.#drop(session);
    session.turn?.out.close();
    session.turn = undefined;
    session.spec.onLost(new BooError('agent_failed', message));
  }

  interrupt(session: ScriptedSession): Promise<void> {
    const { turn } = session;
    if (!turn) return Promise.resolve();
    for (const decisionId of session.decisions.keys()) {
      turn.out.push({ type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'agent' });
    }
    session.decisions.clear();
    turn.out.push(finished('interrupted'));
    this.#end(session);
    return Promise.resolve();
  }

  setPermissionMode(session: ScriptedSession, mode: PermissionMode): Promise<PermissionMode> {
    session.permissionMode = mode;
    return Promise.resolve(mode);
  }

  isBusy({ spec, turn }: ScriptedSession): boolean {
    return this.busy.has(spec.chatId) || turn !== undefined;
  }

  async wasAsked({ sessionId, sessionStore }: StoredSession, { turnId }: AgentPrompt): Promise<boolean> {
    const entries = (await sessionStore.load({ projectKey: 'scripted', sessionId })) ?? [];
    return entries.some((entry) => entry.uuid === turnId);
  }

  async #close(session: ScriptedSession): Promise<void> {
    const { chatId } = session.spec;
    if (this.sessions.get(chatId) !== session) return;
    await this.beforeClose(chatId);
    await this.interrupt(session);
    if (this.costAtEnd) await session.spec.onCost(this.costAtEnd);
    if (this.#drop(session)) this.closed += 1;
  }

  /** False if it was gone already. */
  #drop(session: ScriptedSession): boolean {
    const { chatId } = session.spec;
    return this.sessions.get(chatId) === session && this.sessions.delete(chatId);
  }

  async dispose(): Promise<void> {
    for (const session of this.sessions.values()) await this.#close(session);
  }

  async *#begin(
    session: ScriptedSession,
    { turnId, text }: { turnId: string | null; text: string },
    script: TurnScript,
  ): AsyncGenerator<AgentEvent> {
    const running: RunningTurn = { out: createPushable<AgentEvent>() };
    session.turn = running;
    void this.#play(session, running, { turnId, text }, script);
    yield* running.out.iterable;
    if (running.failure !== undefined) throw running.failure;
  }

  async #play(
    session: ScriptedSession,
    running: RunningTurn,
    { turnId, text }: { turnId: string | null; text: string },
    script: TurnScript,
  ): Promise<void> {
    const { chatId, sessionId } = session.spec;
    const history = [...session.history];
    try {
      if (!session.isStarted) {
        session.isStarted = true;
        running.out.push({ type: 'session_started', sessionId, backend: this.name, model: session.model });
      }
      if (turnId !== null) await this.#remember(session, { type: 'user', uuid: turnId, text });
      const ask = (question: Partial<AgentEventOf<'decision_requested'>>) => askIn(session, question);
      for await (const event of script({ chatId, turnId, text, history, session, ask })) {
        // Interrupted, closed or lost: its further output goes nowhere.
        if (session.turn !== running) return;
        running.out.push(event);
        if (event.type === 'turn_finished') break;
      }
    } catch (error) {
      running.failure = toBooError(error);
    } finally {
      if (session.turn === running) this.#end(session);
    }
  }

  #end(session: ScriptedSession): void {
    session.turn?.out.close();
    session.turn = undefined;
  }

  async #remember(session: ScriptedSession, entry: SessionStoreEntry): Promise<void> {
    const { sessionStore, sessionId } = session.spec;
    session.history.push(String(entry['text']));
    // Like a real agent: a transcript that cannot be stored does not stop the turn.
    await sessionStore
      .append({ projectKey: 'scripted', sessionId }, [entry])
      .catch((error: unknown) => this.storeFailures.push(error));
  }

  #session(chatId: string): ScriptedSession {
    const session = this.sessions.get(chatId);
    if (!session) throw new BooError('agent_failed', `Chat ${chatId} has no session here.`);
    return session;
  }
}

async function* askIn(
  session: ScriptedSession,
  question: Partial<AgentEventOf<'decision_requested'>>,
): AsyncGenerator<AgentEvent, DecisionAnswer> {
  const decisionId = question.decisionId ?? crypto.randomUUID();
  const answer = new Promise<DecisionAnswer>((resolve) => session.decisions.set(decisionId, resolve));
  yield {
    type: 'decision_requested',
    kind: 'permission',
    title: 'Bash: echo hello',
    input: { command: 'echo hello' },
    canAllowAlways: false,
    alwaysScope: [],
    ...question,
    decisionId,
  };
  return answer;
}

/** The default script. */
// oxlint-disable-next-line typescript/require-await
async function* answerBriefly(turn: ScriptedTurn): AsyncGenerator<AgentEvent> {
  yield said(`You said: ${turn.text}`);
  yield finished();
}

export function said(text: string, messageId: string = crypto.randomUUID()): AgentEvent {
  return { type: 'agent_message', messageId, content: [{ type: 'text', text }] };
}

export function chunk(messageId: string, text: string): AgentEvent {
  return { type: 'agent_message_chunk', messageId, content: { type: 'text', text } };
}

export function finished(
  outcome: TurnOutcome = 'completed',
  rest: Partial<AgentEventOf<'turn_finished'>> = {},
): AgentEventOf<'turn_finished'> {
  return { type: 'turn_finished', outcome, usage: noUsage, costUsd: 0, models: {}, ...rest };
}
