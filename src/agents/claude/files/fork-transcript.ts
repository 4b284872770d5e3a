/**
 * Which entries of a session belong to a copy that ends with a turn. The next turn begins with a prompt, from a person or
 * from elsewhere; a turn that continues another one begins with neither, but what it wrote was stored after its start.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { EntryFate, EntryTime, ForkedTurn, ForkReader } from '../../agent.ts';
import { worktreeOf } from '../current-directory.ts';
import { asList, asRecord, asText } from '../mapping/loose-json.ts';
import { readLine } from '../mapping/transcript-line.ts';

/** The program's count of what the session cost, which the copy begins anew, and the way of its prompts through its queue. */
const leftOut: ReadonlySet<string> = new Set(['cost-state', 'queue-operation']);

/** A longer text is recognized by its beginning. */
const comparedLength = 500;

export function createForkReader(turn: ForkedTurn): ForkReader {
  return new TranscriptFork(turn);
}

class TranscriptFork implements ForkReader {
  readonly typesBefore = [...leftOut, 'worktree-state'];
  worktree: string | null = null;
  readonly #turnId: string;
  readonly #laterIds: ReadonlySet<string>;
  /** What the program itself said is not in the transcript as an answer. */
  readonly #answer: string | undefined;
  #hasTurn = false;
  #hasAnswer = false;

  constructor({ turnId, laterIds, answer }: ForkedTurn) {
    this.#turnId = turnId;
    this.#laterIds = laterIds;
    const isOwn = answer !== null && !/^(local|result)\//.test(answer.messageId);
    this.#answer = isOwn ? answer.text.slice(0, comparedLength) : undefined;
  }

  get isWhole(): boolean {
    return this.#hasTurn && (this.#answer === undefined || this.#hasAnswer);
  }

  take(entry: SessionStoreEntry, when: EntryTime): EntryFate {
    const { type, uuid } = entry;
    if (uuid !== undefined && this.#laterIds.has(uuid)) {
      // The log has a message that was given to the agent just before the turn after it, if that had been prompted before.
      return this.#hasTurn ? 'beyond' : 'copied';
    }
    // A terminal's transcript may be stored a little late: after the turn's end, or when the next one has started.
    const isAfter = when === 'between' || when === 'later';
    if (when === 'later' && this.isWhole) return 'beyond';
    if (isAfter && startsTurn(entry)) {
      // Prompts come in order. If this is another turn's after all, the answer will be missing.
      if (this.#hasTurn || this.#answer === undefined) return 'beyond';
      this.#hasTurn = true;
    }
    if (leftOut.has(type)) return 'left';
    const worktree = when === 'later' ? undefined : worktreeOf(entry);
    if (worktree !== undefined) this.worktree = worktree;
    // What has no uuid is a note of the program, and those may be about the next turn already.
    else if (isAfter && uuid === undefined) return 'left';
    if (uuid === this.#turnId || (when === 'during' && (type === 'user' || type === 'assistant'))) this.#hasTurn = true;
    if (when !== 'before' && type === 'assistant') this.#hasAnswer ||= this.#isAnswer(entry);
    return 'copied';
  }

  #isAnswer(entry: SessionStoreEntry): boolean {
    const blocks = asList(asRecord(entry['message'])['content']).map(asRecord);
    return blocks.some((block) => asText(block['text'])?.slice(0, comparedLength) === this.#answer);
  }
}

function startsTurn(entry: SessionStoreEntry): boolean {
  const line = readLine(entry);
  return line.is === 'prompt' || (line.is === 'incoming' && line.isPrompt);
}
