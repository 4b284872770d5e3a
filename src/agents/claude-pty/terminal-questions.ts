/**
 * The program's questions to a person: it shows a dialog and, at the same time, runs a hook that asks here. The first
 * answer wins. An answer from here closes the dialog. An answer by key leaves the hook waiting, and is detected in the
 * transcript: from the call's result, or from the call running while no dialog is open. Questions from MCP servers are
 * asked only here, see `terminal-forms.ts`.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEvent, AnswerCheck, DecisionAnswer } from '../agent-backend.ts';
import { asList, asRecord, asText, isRecord } from '../claude/mapping/loose-json.ts';
import type { MappingState } from '../claude/mapping/mapping-state.ts';
import { PermissionRequests } from '../claude/permission-requests.ts';
import type { HookCall } from './hook-server.ts';
import { callsOfServer, isFormCall, takeForm } from './terminal-forms.ts';

/** How long a question waits for its call to appear in the transcript, which the program writes every 100 ms. */
const callTimeoutMs = 2_000;

/** How late a call's result may appear there after its question was answered by key, on a busy machine. */
const resultTimeoutMs = 10_000;

interface Asked {
  /** Undefined until it is known which call the question is about. */
  toolCallId: string | undefined;
  abort: AbortController;
  /** A sub-agent asks: the main dialog says nothing about it. */
  isOfSubAgent: boolean;
  isSettledElsewhere: boolean;
  /** The program has ended the hook: the question is answered, or nobody is waiting for it. */
  isAbandoned?: boolean;
  /** For a form: the open calls of its server. Once none is left the server no longer waits, unnoticed by the hook. */
  callsOfServer?: Set<string>;
}

export interface TerminalQuestionsParts {
  emit(event: AgentEvent): void;
  openCalls(): MappingState['openCalls'];
  /** The turn is being interrupted: its dialogs are closed by key. */
  isInterrupting(): boolean;
  /** Resolves when everything that the program has done so far was reported. */
  lateLines(): Promise<void>;
}

export class TerminalQuestions {
  readonly #parts: TerminalQuestionsParts;
  readonly #requests: PermissionRequests;
  readonly #asked = new Set<Asked>();
  /** Calls that are running or may be: another question is about another call, even if they look the same. */
  readonly #answered = new Set<string>();
  /** Called with every line that may contain the call that a question is about. */
  readonly #lookers = new Set<() => void>();

  constructor(parts: TerminalQuestionsParts) {
    this.#parts = parts;
    this.#requests = new PermissionRequests({ emit: (event) => parts.emit(event), storesCalls: true });
  }

  get count(): number {
    return this.#requests.count;
  }

  async take(call: HookCall): Promise<void> {
    return isFormCall(call) ? this.#takeForm(call) : this.#takePermission(call);
  }

  async #takeForm(call: HookCall): Promise<void> {
    const asked: Asked = {
      toolCallId: undefined,
      abort: new AbortController(),
      isOfSubAgent: false,
      isSettledElsewhere: false,
    };
    const withdraw = (): void => asked.abort.abort();
    void call.abandoned.then(withdraw);
    this.#asked.add(asked);
    try {
      // The turn and the call that it belongs to are reported first.
      await this.#parts.lateLines();
      asked.callsOfServer = new Set(callsOfServer(call, this.#parts.openCalls()));
      await takeForm(call, this.#requests, asked.abort.signal);
    } finally {
      this.#asked.delete(asked);
    }
  }

  async #takePermission(call: HookCall): Promise<void> {
    const toolName = asText(call.input['tool_name']) ?? 'tool';
    const input = { ...asRecord(call.input['tool_input']) };
    const abort = new AbortController();
    // The program may end the hook when a key was pressed: the answer is about to appear in the transcript.
    const asked: Asked = {
      toolCallId: undefined,
      abort,
      isOfSubAgent: call.input['agent_id'] !== undefined,
      isSettledElsewhere: false,
    };
    void call.abandoned.then(() => this.#abandon(asked));
    this.#asked.add(asked);
    try {
      const toolCallId = await this.#callFor(asked, toolName, input);
      if (abort.signal.aborted) return call.answer(null);
      const result = await this.#requests.canUseTool(toolName, input, {
        signal: abort.signal,
        toolUseID: toolCallId,
        requestId: toolCallId,
        ...(asked.isOfSubAgent ? { agentID: asText(call.input['agent_id']) ?? '' } : {}),
        suggestions: asList(call.input['permission_suggestions']).filter((each) =>
          isRecord(each),
        ) as unknown as PermissionUpdate[],
      });
      call.answer(asked.isSettledElsewhere || this.#parts.isInterrupting() || !result ? null : hookOutput(result));
    } finally {
      this.#asked.delete(asked);
      abort.abort();
      if (asked.toolCallId !== undefined) this.#answered.add(asked.toolCallId);
    }
  }

  /** Withdrawn unless its call turns out to be answered, or to have run. */
  async #abandon(asked: Asked): Promise<void> {
    asked.isAbandoned = true;
    const isRead = await this.#parts.lateLines().then(
      () => true,
      () => false,
    );
    const { signal } = asked.abort;
    if (signal.aborted || !this.#asked.has(asked)) return;
    if (!isRead || asked.toolCallId === undefined) return asked.abort.abort();
    // Ends with the question.
    const timer = setTimeout(() => asked.abort.abort(), resultTimeoutMs);
    timer.unref();
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  /** Something was asked, and another process could continue each call. */
  get canLeave(): boolean {
    return this.#requests.canLeave;
  }

  /** The program is gone. Withdraws the questions that end with it, and returns the ids of the others. */
  leave(): string[] {
    return this.#requests.leave();
  }

  keptRules(decisionId: string): readonly string[] {
    return this.#requests.keptRules(decisionId);
  }

  check(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    return this.#requests.check(decisionId, answer);
  }

  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    return this.#requests.resolve(decisionId, answer);
  }

  /** Withdraws every question, including those that wait for their call to be reported. */
  withdrawAll(): void {
    for (const { abort } of this.#asked) abort.abort();
  }

  /** The turn has ended; what a background sub-agent still waits for is asked again. */
  onTurnEnd(): void {
    for (const { isAbandoned, abort } of this.#asked) if (isAbandoned) abort.abort();
    this.#answered.clear();
    this.#requests.forgetCalls();
    this.#requests.askAgain();
  }

  /** The store has the call, so another process can take it up. */
  onStoredCall(toolCallId: string): void {
    this.#requests.noteStoredCall(toolCallId);
  }

  onToolCall(toolCallId: string): void {
    this.#requests.noteCall(toolCallId, this.#parts.openCalls().get(toolCallId)?.parentToolCallId);
    for (const look of this.#lookers) look();
  }

  /** A call has its result: its question was answered in the terminal. */
  onToolResult(toolCallId: string, denied: boolean): void {
    this.#requests.noteResult(toolCallId);
    for (const { callsOfServer: calls, abort } of this.#asked) {
      if (calls?.delete(toolCallId) && calls.size === 0) abort.abort();
    }
    this.#settle((asked) => asked.toolCallId === toolCallId, denied ? 'deny' : 'allow');
  }

  /** What is asked now, for `onDialogClosed`. */
  get open(): ReadonlySet<object> {
    return new Set(this.#asked);
  }

  /** The program continued, and no dialog is open: the call that it had asked about is running. `before`: see `open`. */
  onDialogClosed(before: ReadonlySet<object>): void {
    this.#settle((asked) => before.has(asked) && !asked.isOfSubAgent, 'allow');
  }

  #settle(isIt: (asked: Asked) => boolean, outcome: 'allow' | 'deny'): void {
    for (const asked of [...this.#asked].filter(isIt)) {
      if (asked.toolCallId === undefined) continue;
      asked.isSettledElsewhere = true;
      this.#requests.settleElsewhere(asked.toolCallId, outcome, 'terminal');
      // If it was not asked yet, it need not be.
      asked.abort.abort();
    }
  }

  /** The hook does not say which call it is about: it is the first matching one that was not asked about yet. */
  #callFor(asked: Asked, toolName: string, input: Record<string, unknown>): Promise<string> {
    const { signal } = asked.abort;
    [asked.toolCallId] = this.#open(toolName, input);
    if (asked.toolCallId !== undefined) return Promise.resolve(asked.toolCallId);
    return new Promise((resolve) => {
      // Claimed immediately, before the next waiting question looks.
      const done = (id: string): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', give);
        this.#lookers.delete(look);
        asked.toolCallId = id;
        resolve(id);
      };
      const look = (): void => {
        const [id] = this.#open(toolName, input);
        if (id !== undefined) done(id);
      };
      const give = (): void => done(this.#open(toolName).at(-1) ?? randomUUID());
      const timer = setTimeout(give, callTimeoutMs);
      signal.addEventListener('abort', give, { once: true });
      this.#lookers.add(look);
    });
  }

  /** The open calls of a tool, with exactly this input if one is given, that were not asked about yet. */
  #open(toolName: string, input?: Record<string, unknown>): string[] {
    const taken = new Set([...this.#answered, ...[...this.#asked].map((asked) => asked.toolCallId)]);
    return [...this.#parts.openCalls()].flatMap(([id, call]) =>
      !taken.has(id) && call.toolName === toolName && (input === undefined || isDeepStrictEqual(call.input, input))
        ? [id]
        : [],
    );
  }
}

function hookOutput(result: PermissionResult): unknown {
  const decision =
    result.behavior === 'allow'
      ? {
          behavior: 'allow',
          ...(result.updatedInput ? { updatedInput: result.updatedInput } : {}),
          ...(result.updatedPermissions ? { updatedPermissions: result.updatedPermissions } : {}),
        }
      : { behavior: 'deny', message: result.message };
  return { hookSpecificOutput: { hookEventName: 'PermissionRequest', decision } };
}
