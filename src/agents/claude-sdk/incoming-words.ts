/**
 * Messages that the program is about to give its agent, other than our prompts. No frame contains them; a hook receives
 * them before their turn starts, or in the middle of one. They are kept until there is a turn to report them in.
 */
import { randomUUID } from 'node:crypto';
import type { HookCallback, Options, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ContentBlock } from '../../protocol/content.ts';
import { textOf } from '../../protocol/text-of.ts';
import { type IncomingMessage, incomingOfHook } from '../claude/mapping/incoming-message.ts';
import { heldBack } from './continued-call.ts';

/** What the program says to its agent once it has the result of a call that it continues. */
const goOn = 'Continue from where you left off.';

export class IncomingWords {
  readonly #onWords: () => void;
  readonly #isContinued: boolean;
  #messages: IncomingMessage[] = [];
  /** The text of our prompt that the program has not started on. */
  #expected: string | undefined;
  #isWakeUp = false;
  #isHoldingBack = false;

  /** `isContinued`: the process continues a call of an earlier one. */
  constructor(onWords: () => void, { isContinued = false } = {}) {
    this.#onWords = onWords;
    this.#isContinued = isContinued;
  }

  get hooks(): NonNullable<Options['hooks']> {
    return { UserPromptSubmit: [{ hooks: [this.#hook] }] };
  }

  /** A prompt is being sent to the program; the hook will receive its text too. */
  expect(content: readonly ContentBlock[]): void {
    this.#expected = textOf(content).trim();
  }

  /** Keeps the program from asking the model after the call that it continues: others of the message have no result. */
  holdBack(): void {
    this.#isHoldingBack = true;
  }

  /** The prompt's turn has started. */
  noteBegun(): void {
    this.#expected = undefined;
  }

  noteFrame(message: SDKMessage): void {
    const { type, state, wakeup_source: source } = message as Record<string, unknown>;
    // Outside the SDK's types. It precedes the hook for a prompt that the agent scheduled for later.
    if (type === 'command_lifecycle' && state === 'started') this.#isWakeUp = source !== undefined;
  }

  /** Returns what has arrived since the last call. */
  take(): IncomingMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  readonly #hook: HookCallback = async (input) => {
    // Earlier frames are read first.
    await new Promise((resolve) => setImmediate(resolve));
    if (input.hook_event_name !== 'UserPromptSubmit') return {};
    if (this.#isHoldingBack && input.prompt === goOn) {
      this.#isHoldingBack = false;
      return { decision: 'block', reason: heldBack };
    }
    this.#note(input.prompt);
    return {};
  };

  #note(text: string): void {
    const message = incomingOfHook(text, this.#isWakeUp, randomUUID());
    this.#isWakeUp = false;
    const isUnmarked = message.origin.kind === 'other';
    if (this.#isContinued && isUnmarked && text.trim() === goOn && this.#expected === undefined) return;
    if (this.#expected !== undefined && (isUnmarked || text.trim() === this.#expected)) {
      this.#expected = undefined;
      return;
    }
    this.#messages.push(message);
    this.#onWords();
  }
}
