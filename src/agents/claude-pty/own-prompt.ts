/** A prompt that is typed for the chat. Somebody else may be typing at the same terminal. */
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

  /** Whether this is what the program took. */
  is(content: readonly ContentBlock[]): boolean {
    return wordsOf(content) === this.#words;
  }

  /** Whether the program took it with other words in front. */
  endsIn(content: readonly ContentBlock[]): boolean {
    return endsWithPrompt(content, this.#words);
  }

  /** Somebody was faster, and the program took the prompt into their turn. */
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
    new BooError('agent_failed', 'The program took other words than the prompt that was typed.'),
  );

export const heardMore = notice(
  'warning',
  'prompt_with_other_words',
  'Somebody’s words stood in the input line of the terminal: the agent got the prompt with them, as it stands here.',
);

const takenInside = notice(
  'info',
  'prompt_taken_into_turn',
  'Somebody at the terminal began a turn in the same moment: the agent got this prompt in it, and answers it there.',
);
