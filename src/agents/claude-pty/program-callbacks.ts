/** How the program calls back: to report what its requests cost and what it shows, and to ask a person. */
import type { CostReceiver } from './cost-receiver.ts';
import { type DisplayHook, type DisplayReceiver, mayUseProxy } from './display-receiver.ts';
import type { DisplayedMessages } from './displayed-messages.ts';
import type { EarlyKeys } from './early-keys.ts';
import { type HookCall, type HookServer, openHookServer } from './hook-server.ts';
import type { PtyTurns } from './pty-turns.ts';
import type { SessionCosts } from './session-costs.ts';
import { formHooks, isFormCall, noticeOf } from './terminal-forms.ts';
import type { TerminalQuestions } from './terminal-questions.ts';
import type { TerminalSpending } from './terminal-spending.ts';

export interface ProgramCallbacksParts {
  receiver: CostReceiver;
  display: DisplayReceiver;
  displayed: DisplayedMessages;
  /** The program's environment. */
  env: Readonly<Record<string, string>>;
  /** Where its settings are. */
  settingsDirectories: readonly string[];
  costs: SessionCosts;
  turns: PtyTurns;
  questions: TerminalQuestions;
  earlyKeys: EarlyKeys;
  /** Why the program is not to give its agent these words; undefined if it is. */
  readonly onPrompt: (words: string) => Promise<string | undefined>;
  spending: TerminalSpending;
  readonly onProblem: (error: unknown, message: string) => void;
}

export class ProgramCallbacks {
  readonly #parts: ProgramCallbacksParts;
  #costs: ReturnType<CostReceiver['register']> | undefined;
  #hooks: HookServer | undefined;
  #display: DisplayHook | undefined;

  constructor(parts: ProgramCallbacksParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const { receiver, costs, spending, display, displayed, env, settingsDirectories, onPrompt } = this.#parts;
    const { whyStop } = spending;
    this.#costs = receiver.register((cost) => {
      costs.add(cost);
      spending.look();
    });
    if (!(await mayUseProxy(env, settingsDirectories))) {
      this.#display = display.register((text) => displayed.take(text), { onPrompt, whyStop });
    }
    this.#hooks = await openHookServer((call) => this.#take(call));
  }

  /** The environment that makes the program report what its requests cost and what it shows. */
  get env(): Readonly<Record<string, string>> {
    return { ...this.#costs?.env, ...this.#display?.env };
  }

  /** Directories with sockets through which it does. Only after `open`. */
  get sockets(): readonly string[] {
    return [this.#hooks!.directory];
  }

  /** The hooks for the program's settings. Only after `open`. */
  get hooks() {
    const { command } = this.#hooks!;
    return { PermissionRequest: [{ matcher: '', hooks: [command] }], ...formHooks(command), ...this.#display?.hooks };
  }

  /** Costs reported from here on are not counted. */
  async close(): Promise<void> {
    this.#costs?.forget();
    this.#display?.forget();
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
