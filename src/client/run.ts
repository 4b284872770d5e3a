/** One prompt, from sending it to the end of its turn. */
import type { FollowOptions } from './follow.ts';
import { textOf } from '../protocol/text-of.ts';
import { BooError } from '../protocol/error.ts';
import type { EventOf, FeedItem } from '../protocol/event.ts';
import type { Receipt, SubmitPrompt } from '../protocol/prompt.ts';

export interface RunOptions {
  /** Every event and preview from the prompt's receipt to the end of its turn, in order. */
  onItem?: ((item: FeedItem) => void) | undefined;
  /** Stops waiting. What was sent is not taken back: see `interrupt` and `cancelPrompt`. */
  signal?: AbortSignal | undefined;
}

export interface RunResult {
  promptId: string;
  turnId: string;
  outcome: EventOf<'turn_finished'>['outcome'];
  /** Why it failed, or was interrupted. */
  error: EventOf<'turn_finished'>['error'];
  /** The text of the agent's last message in this turn; empty if it said nothing. Sub-agents do not count. */
  answer: string;
  usage: EventOf<'turn_finished'>['usage'];
  /** US dollars, as counted by the agent. */
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
  let turnId: string | undefined;
  let answer = '';
  for await (const item of client.follow(chatId, { after: seq - 1, signal })) {
    onItem?.(item);
    if (item.kind !== 'event') continue;
    const { event } = item;
    if (event.type === 'turn_started' && event.promptIds.includes(promptId)) {
      turnId = event.turnId;
      answer = '';
    }
    if (event.type === 'prompt_cancelled' && event.promptId === promptId) {
      throw new BooError('prompt_taken', `Prompt ${promptId} was cancelled.`);
    }
    if (turnId === undefined || event.turnId !== turnId) continue;
    if (event.type === 'agent_message' && event.parentToolCallId === undefined) answer = textOf(event.content);
    if (event.type !== 'turn_finished') continue;
    // The agent never received it: another turn follows.
    if (event.requeuedPromptIds?.includes(promptId)) {
      turnId = undefined;
      continue;
    }
    const { outcome, error, usage, costUsd } = event;
    return { promptId, turnId, outcome, error, answer, usage, costUsd };
  }
  signal?.throwIfAborted();
  throw new BooError('internal', 'The feed ended before the turn did.');
}
