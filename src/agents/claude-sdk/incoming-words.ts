/**
 * What the program is about to give its agent. A hook receives it before its turn starts, or in the middle of one.
 *
 * Messages other than our prompts are in no frame; they are kept until there is a turn to report them in. A prompt of ours
 * that is still being stored goes no further until it is.
 */
import { randomUUID } from 'node:crypto';
import type { HookCallback, Options, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ContentBlock } from '../../protocol/content.ts';
import { textOf } from '../../protocol/text-of.ts';
import { type IncomingMessage, incomingOfHook } from '../claude/mapping/incoming-message.ts';
import { visiblePart } from '../claude/mapping/prompt-words.ts';
import { givenByHost } from '../claude/wake-ups.ts';
import { heldBack } from './continued-call.ts';

/** What the program says to its agent once it has the result of a call that it continues. */
const goOn = 'Continue from where you left off.';

/** For people who open the session elsewhere: nobody waits for an answer. */
const notStored = 'BooCode could not store this prompt.';

/** Longer than a prompt's write is tried: the program goes on with a prompt whose hook has timed out. */
const longestSeconds = 600;

/** The last prompt of ours. */
interface SentPrompt {
  text: string;
  /** The program has not started on it. */
  isExpected: boolean;
  isStored: Promise<boolean>;
  /** It is neither stored, nor was the program told that it is not. */
  isHeld: boolean;
}

export class IncomingWords {
  readonly #onWords: () => void;
  readonly #isContinued: boolean;
  readonly #isScheduled: (words: string) => Promise<boolean>;
  readonly #whyStop: (() => Promise<string | null>) | undefined;
  #messages: IncomingMessage[] = [];
  #isWakeUp = false;
  #isHoldingBack = false;
  /** The program asks about our prompts: settings may keep it from running any hook. */
  #isAsking = false;
  #sent: SentPrompt | undefined;
  readonly #closed: Promise<false>;
  #close: () => void = () => undefined;

  /**
   * `isContinued`: the process continues a call of an earlier one. `isScheduled`: what the agent has scheduled with these
   * words is given by the chat. `whyStop`: why what nobody here has sent must not be taken up now.
   */
  constructor(
    onWords: () => void,
    {
      isContinued = false,
      isScheduled,
      whyStop,
    }: {
      isContinued?: boolean;
      isScheduled?: (words: string) => Promise<boolean>;
      whyStop?: () => Promise<string | null>;
    } = {},
  ) {
    this.#onWords = onWords;
    this.#whyStop = whyStop;
    this.#isContinued = isContinued;
    this.#isScheduled = isScheduled ?? (() => Promise.resolve(false));
    this.#closed = new Promise((resolve) => (this.#close = () => resolve(false)));
  }

  get hooks(): NonNullable<Options['hooks']> {
    return { UserPromptSubmit: [{ hooks: [this.#hook], timeout: longestSeconds }] };
  }

  /**
   * A prompt is being sent to the program; the hook will receive its text too. It goes no further before `isStored`
   * resolves, and ends there with false.
   */
  expect(content: readonly ContentBlock[], isStored = Promise.resolve(true)): void {
    const text = textOf(content).trim();
    const sent = { text, isExpected: true, isStored: isStored.catch(() => false), isHeld: true };
    void sent.isStored.then((is) => (sent.isHeld &&= !is));
    this.#sent = sent;
  }

  /** The program has a prompt that is not stored, and has not been told to drop it. */
  get isHolding(): boolean {
    return this.#sent?.isHeld === true;
  }

  /** Whether the program will ask about this prompt before it does anything with it. Its own commands run unasked. */
  canHold(content: readonly ContentBlock[]): boolean {
    const isCommand = (block: ContentBlock): boolean =>
      block.type === 'text' && visiblePart(block.text).startsWith('/');
    return this.#isAsking && !content.some(isCommand);
  }

  /** The session ends: a prompt that is not stored by now goes no further. */
  close(): void {
    this.#close();
  }

  /** Keeps the program from asking the model after the call that it continues: others of the message have no result. */
  holdBack(): void {
    this.#isHoldingBack = true;
  }

  /** The prompt's turn has started. */
  noteBegun(): void {
    // Unasked: its settings may have changed.
    if (this.#sent?.isExpected) this.#isAsking = false;
    this.#taken();
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
    if (this.#isWakeUp && (await this.#isScheduled(input.prompt))) {
      this.#isWakeUp = false;
      return { decision: 'block', reason: givenByHost };
    }
    const isOurs = this.#note(input.prompt);
    this.#isAsking ||= isOurs;
    if (!(await this.#mayGoOn(isOurs, input.prompt))) return { decision: 'block', reason: notStored };
    const stopReason = isOurs ? null : await this.#whyStop?.();
    return stopReason ? { continue: false, stopReason } : {};
  };

  async #mayGoOn(isOurs: boolean, text: string): Promise<boolean> {
    // Something else may have been taken for it.
    const sent = this.#sent;
    if (!sent || !(isOurs || text.trim() === sent.text)) return true;
    const may = await Promise.race([sent.isStored, this.#closed]);
    sent.isHeld = false;
    return may;
  }

  #taken(): void {
    if (this.#sent) this.#sent.isExpected = false;
  }

  /** Whether it is the prompt that was sent. */
  #note(text: string): boolean {
    const message = incomingOfHook(text, this.#isWakeUp, randomUUID());
    this.#isWakeUp = false;
    const isUnmarked = message.origin.kind === 'other';
    const expected = this.#sent?.isExpected ? this.#sent.text : undefined;
    if (this.#isContinued && isUnmarked && text.trim() === goOn && expected === undefined) return false;
    if (expected !== undefined && (isUnmarked || text.trim() === expected)) {
      this.#taken();
      return true;
    }
    this.#messages.push(message);
    this.#onWords();
    return false;
  }
}
