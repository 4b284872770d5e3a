/** How the program calls back: to report what its requests cost, and to ask a person. */
import type { CostReceiver } from './cost-receiver.ts';
import type { EarlyKeys } from './early-keys.ts';
import { type HookCall, type HookServer, openHookServer } from './hook-server.ts';
import type { PtyTurns } from './pty-turns.ts';
import type { SessionCosts } from './session-costs.ts';
import { formHooks, isFormCall, noticeOf } from './terminal-forms.ts';
import type { TerminalQuestions } from './terminal-questions.ts';

export interface ProgramCallbacksParts {
  receiver: CostReceiver;
  costs: SessionCosts;
  turns: PtyTurns;
  questions: TerminalQuestions;
  earlyKeys: EarlyKeys;
  readonly onProblem: (error: unknown, message: string) => void;
}

export class ProgramCallbacks {
  readonly #parts: ProgramCallbacksParts;
  #costs: ReturnType<CostReceiver['register']> | undefined;
  #hooks: HookServer | undefined;

  constructor(parts: ProgramCallbacksParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const { receiver, costs } = this.#parts;
    this.#costs = receiver.register((cost) => costs.add(cost));
    this.#hooks = await openHookServer((call) => this.#take(call));
  }

  /** The environment that makes the program report what its requests cost. */
  get env(): Readonly<Record<string, string>> {
    return this.#costs?.env ?? {};
  }

  /** The hooks for the program's settings. Only after `open`. */
  get hooks() {
    const { command } = this.#hooks!;
    return { PermissionRequest: [{ matcher: '', hooks: [command] }], ...formHooks(command) };
  }

  /** Costs reported from here on are not counted. */
  async close(): Promise<void> {
    this.#costs?.forget();
    await this.#hooks?.close();
  }

  #take(call: HookCall): void {
    const { turns, questions, earlyKeys, onProblem } = this.#parts;
    const told = noticeOf(call);
    if (told) {
      turns.tell(told);
      return call.answer(null);
    }
    if (!isFormCall(call)) earlyKeys.noteQuestion();
    questions.take(call).catch((error: unknown) => onProblem(error, 'A question of the program was lost.'));
  }
}
