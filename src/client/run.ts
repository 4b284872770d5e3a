/** One prompt, from sending it to the end of its last turn. */
import type { FollowOptions } from './follow.ts';
import { textOf } from '../protocol/text-of.ts';
import { BooError } from '../protocol/error.ts';
import type { EventOf, FeedItem } from '../protocol/event.ts';
import type { Receipt, SubmitPrompt } from '../protocol/prompt.ts';
import { PromptPresence } from '../protocol/prompt-presence.ts';
import { PromptTurns } from '../protocol/prompt-turns.ts';

export interface RunOptions {
  /**
   * Every event and preview from the prompt's receipt to the end of its last turn, in order. Answer a
   * `decision_requested` with `decide`, from here or elsewhere. A turn whose process ends before the answer finishes with
   * `openDecisionIds`: they can still be answered, and `run` keeps waiting for the turn that continues.
   */
  onItem?: ((item: FeedItem) => void) | undefined;
  /** Stops waiting. What was sent is not taken back: see `interrupt` and `cancelPrompt`. */
  signal?: AbortSignal | undefined;
}

export interface RunResult {
  promptId: string;
  /** The last turn: the one that took the prompt, or one that continued it. */
  turnId: string;
  outcome: EventOf<'turn_finished'>['outcome'];
  /** Why it failed, or was interrupted. */
  error: EventOf<'turn_finished'>['error'];
  /** The text of the agent's last message; empty if it said nothing. Sub-agents do not count. */
  answer: string;
  /** Of all turns of the prompt. */
  usage: EventOf<'turn_finished'>['usage'];
  /**
   * US dollars, as counted by the agent, of all turns of the prompt. Without those of a turn whose process ended before
   * its result: its tokens are counted, and a notice `turn_cost_unknown` says so. The chat's `costUsd` gets them later,
   * if the agent has recorded them.
   */
  costUsd: number;
}

/** The parts of the client used here. */
interface PromptClient {
  prompt(chatId: string, prompt: SubmitPrompt, options: { signal?: AbortSignal | undefined }): Promise<Receipt>;
  follow(chatId: string, options: FollowOptions): AsyncIterable<FeedItem>;
}

export async function runPrompt(
  client: PromptClient,
  chatId: string,
  prompt: SubmitPrompt | string,
  { onItem, signal }: RunOptions,
): Promise<RunResult> {
  const { promptId, seq } = await client.prompt(chatId, typeof prompt === 'string' ? { content: prompt } : prompt, {
    signal,
  });
  const turns = new PromptTurns(promptId);
  const presence = new PromptPresence(promptId);
  let answer = '';
  for await (const item of client.follow(chatId, { after: seq - 1, signal })) {
    onItem?.(item);
    presence.noted(item);
    if (item.kind !== 'event') continue;
    const { event } = item;
    const end = turns.noted(event);
    if (end === 'cancelled') throw new BooError('prompt_taken', `Prompt ${promptId} was cancelled.`);
    if (event.type === 'turn_started' && event.promptIds.includes(promptId)) answer = '';
    if (event.type === 'agent_message' && event.parentToolCallId === undefined && turns.has(event.turnId)) {
      answer = textOf(event.content);
    }
    if (end) return { promptId, turnId: turns.turnId!, ...end, answer };
  }
  signal?.throwIfAborted();
  throw new BooError('internal', 'The feed ended before the turn did.');
}
