/** A prompt that is typed for the chat. Someone else may be typing at the same terminal. */
import type { ContentBlock } from '../../protocol/content.ts';
import { BooError } from '../../protocol/error.ts';
import { type AgentEvent, type AgentPrompt, endWithoutResult } from '../agent-backend.ts';
import { notice } from '../claude/mapping/notice.ts';
import { endsWithPrompt, wordsOf } from '../claude/mapping/prompt-words.ts';
import { createTerminalTurn, type TerminalTurn } from './terminal-turn.ts';

export class OwnPrompt {
  readonly turn: TerminalTurn;
  /** Resolves once the program has the prompt, or there is no point in waiting for that any longer. */
  readonly taken: Promise<void>;
  readonly #words: string;
  #resolve = (): void => {};

  constructor({ turnId, content }: AgentPrompt) {
    this.turn = createTerminalTurn(turnId);
    this.#words = wordsOf(content);
    this.taken = new Promise<void>((resolve) => (this.#resolve = resolve));
  }

  noteTaken(): void {
    this.#resolve();
  }

  /** Whether this is what the program received. */
  is(content: readonly ContentBlock[]): boolean {
    return wordsOf(content) === this.#words;
  }

  /** Whether the program received it with other text in front. */
  endsIn(content: readonly ContentBlock[]): boolean {
    return endsWithPrompt(content, this.#words);
  }

  /** Someone was faster, and the program took the prompt into their turn. */
  endInside(): void {
    this.turn.out.push(takenInside);
    this.turn.out.push({ ...endWithoutResult('completed'), isTaken: true });
    this.turn.out.close();
    this.noteTaken();
    this.turn.end();
  }
}

export const notHeard = (): AgentEvent =>
  endWithoutResult(
    'failed',
    new BooError('agent_failed', 'The program received a different text than the prompt that was typed.'),
  );

export const heardMore = notice(
  'warning',
  'prompt_with_other_words',
  'The terminal’s input line already contained text: the agent received it together with the prompt, as shown here.',
);

const takenInside = notice(
  'info',
  'prompt_taken_into_turn',
  'Someone at the terminal started a turn at the same moment: the agent received this prompt in that turn, and answers it there.',
);
