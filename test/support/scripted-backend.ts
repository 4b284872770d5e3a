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
  AgentSessionSpec,
  AnswerCheck,
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
  readonly terminal: AgentTerminal;
  model: string | null;
  effort: Effort | null;
  permissionMode: PermissionMode;
  acceptsAgentMessages: boolean;
  isStarted: boolean;
  turn: RunningTurn | undefined;
}

export class ScriptedBackend implements AgentBackend {
  readonly name: BackendName;
  readonly capabilities: { deltas: boolean; terminal: boolean; images: boolean };
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
  readonly sessions = new Map<string, ScriptedSession>();
  /** How many sessions were opened and closed so far, and the spec of each. */
  readonly opened: AgentSessionSpec[] = [];
  closed = 0;
  /** Called for a session whose chat continues in another directory. */
  onLeave: NonNullable<AgentBackend['leaveDirectory']> = () => Promise.resolve();
  /** What a directory would make it load; a test can replace it. */
  declare readDirectory?: NonNullable<AgentBackend['readDirectory']>;
  /** Sessions that should leave nothing behind. */
  readonly removed: string[] = [];
  /** What the session store refused. */
  readonly storeFailures: unknown[] = [];

  /** The cost a session still reports when it is closed. */
  costAtEnd: SessionCost | undefined;

  constructor(script: TurnScript = answerBriefly, name: BackendName = 'claude_sdk') {
    this.script = script;
    this.name = name;
    const isTerminal = name === 'claude_pty';
    this.capabilities = { deltas: !isTerminal, terminal: isTerminal, images: !isTerminal };
  }

  async openSession(spec: AgentSessionSpec): Promise<void> {
    if (this.sessions.has(spec.chatId)) throw new BooError('internal', `Chat ${spec.chatId} has an open session.`);
    const { model, effort, permissionMode, acceptsAgentMessages } = spec;
    const history: string[] = [];
    this.sessions.set(spec.chatId, {
      spec,
      model,
      effort,
      permissionMode,
      acceptsAgentMessages,
      history,
      decisions: new Map(),
      terminal: {
        attach() {
          throw new BooError('terminal_unavailable', 'A scripted terminal has no screen.');
        },
      },
      isStarted: false,
      turn: undefined,
    });
    try {
      await this.beforeOpen(spec);
      const entries = (await spec.sessionStore.load({ projectKey: 'scripted', sessionId: spec.sessionId })) ?? [];
      history.push(...entries.map((entry) => String(entry['text'])));
      if (!this.sessions.has(spec.chatId)) throw new BooError('agent_failed', 'It was closed while it was opening.');
      this.opened.push(spec);
    } catch (error) {
      this.sessions.delete(spec.chatId);
      throw error;
    }
  }

  async *prompt(chatId: string, prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    const session = this.sessions.get(chatId);
    if (!session) throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
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

  /** The process is gone, in the middle of whatever it did. */
  lose(chatId: string, message = 'The scripted process was killed.'): void {
    const session = this.#session(chatId);
    this.sessions.delete(chatId);
    session.turn?.out.close();
    session.turn = undefined;
    session.spec.onLost(new BooError('agent_failed', message));
  }

  checkAnswer(chatId: string, decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    const isOpen = this.sessions.get(chatId)?.decisions.has(decisionId) === true;
    return Promise.resolve(isOpen ? this.check(answer) : 'settled');
  }

  resolveDecision(chatId: string, decisionId: string, answer: DecisionAnswer): boolean {
    const session = this.sessions.get(chatId);
    const settle = session?.decisions.get(decisionId);
    if (!session || !settle) return false;
    session.decisions.delete(decisionId);
    settle(answer);
    return true;
  }

  interrupt(chatId: string): Promise<void> {
    const session = this.sessions.get(chatId);
    const turn = session?.turn;
    if (session && turn) {
      for (const decisionId of session.decisions.keys()) {
        turn.out.push({ type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'agent' });
      }
      session.decisions.clear();
      turn.out.push(finished('interrupted'));
      this.#end(session);
    }
    return Promise.resolve();
  }

  setModel(chatId: string, model: string | null): Promise<void> {
    this.#session(chatId).model = model;
    return Promise.resolve();
  }

  setEffort(chatId: string, effort: Effort | null): Promise<boolean> {
    this.#session(chatId).effort = effort;
    return Promise.resolve(true);
  }

  setPermissionMode(chatId: string, mode: PermissionMode): Promise<PermissionMode> {
    this.#session(chatId).permissionMode = mode;
    return Promise.resolve(mode);
  }

  setAcceptsAgentMessages(chatId: string, accepts: boolean): Promise<void> {
    this.#session(chatId).acceptsAgentMessages = accepts;
    return Promise.resolve();
  }

  async wasAsked({ sessionId, sessionStore }: StoredSession, { turnId }: AgentPrompt): Promise<boolean> {
    const entries = (await sessionStore.load({ projectKey: 'scripted', sessionId })) ?? [];
    return entries.some((entry) => entry.uuid === turnId);
  }

  isBusy(chatId: string): boolean {
    return this.busy.has(chatId) || this.sessions.get(chatId)?.turn !== undefined;
  }

  async closeSession(chatId: string): Promise<void> {
    if (!this.sessions.has(chatId)) return;
    await this.beforeClose(chatId);
    await this.interrupt(chatId);
    if (this.costAtEnd) await this.sessions.get(chatId)?.spec.onCost(this.costAtEnd);
    if (this.sessions.delete(chatId)) this.closed += 1;
  }

  /** The same one as long as the session is open; it shows nothing. */
  terminal(chatId: string): AgentTerminal | undefined {
    return this.capabilities.terminal ? this.sessions.get(chatId)?.terminal : undefined;
  }

  leaveDirectory(session: Parameters<ScriptedBackend['onLeave']>[0]): Promise<void> {
    return this.onLeave(session);
  }

  removeSession({ sessionId }: { sessionId: string }): Promise<void> {
    this.removed.push(sessionId);
    return Promise.resolve();
  }

  async dispose(): Promise<void> {
    for (const chatId of this.sessions.keys()) await this.closeSession(chatId);
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
