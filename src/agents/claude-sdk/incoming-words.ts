/**
 * What the program is about to give its agent, and no prompt of ours. No frame carries these words; a hook gets them
 * before their turn begins, or in the middle of one. They are kept until there is a turn to tell them in.
 */
import { randomUUID } from 'node:crypto';
import type { HookCallback, Options, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ContentBlock } from '../../protocol/content.ts';
import { textOf } from '../../protocol/text-of.ts';
import { type IncomingMessage, incomingOfHook } from '../claude/mapping/incoming-message.ts';

export class IncomingWords {
  readonly #onWords: () => void;
  #messages: IncomingMessage[] = [];
  /** The text of a prompt of ours that the program has not begun. */
  #expected: string | undefined;
  #isWakeUp = false;

  constructor(onWords: () => void) {
    this.#onWords = onWords;
  }

  get hooks(): NonNullable<Options['hooks']> {
    return { UserPromptSubmit: [{ hooks: [this.#hook] }] };
  }

  /** The program is sent a prompt; its words come by the hook too. */
  expect(content: readonly ContentBlock[]): void {
    this.#expected = textOf(content).trim();
  }

  /** The turn of that prompt has begun. */
  noteBegun(): void {
    this.#expected = undefined;
  }

  noteFrame(message: SDKMessage): void {
    const { type, state, wakeup_source: source } = message as Record<string, unknown>;
    // Outside the SDK's types. It comes before the hook of the prompt that the agent left for later.
    if (type === 'command_lifecycle' && state === 'started') this.#isWakeUp = source !== undefined;
  }

  /** Gives what has come since the last time. */
  take(): IncomingMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  readonly #hook: HookCallback = async (input) => {
    // The frames before it are read first.
    await new Promise((resolve) => setImmediate(resolve));
    if (input.hook_event_name === 'UserPromptSubmit') this.#note(input.prompt);
    return {};
  };

  #note(text: string): void {
    const message = incomingOfHook(text, this.#isWakeUp, randomUUID());
    this.#isWakeUp = false;
    const isUnmarked = message.origin.kind === 'other';
    if (this.#expected !== undefined && (isUnmarked || text.trim() === this.#expected)) {
      this.#expected = undefined;
      return;
    }
    this.#messages.push(message);
    this.#onWords();
  }
}
