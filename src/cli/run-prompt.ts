/** A prompt and its turn for programs: nobody is asked, and nothing is formatted for reading. */
import type { EventOf } from '../protocol/event.ts';
import {
  type BooClient,
  BooError,
  type Chat,
  type Decision,
  type Event,
  type Receipt,
  type SubmitPrompt,
} from '../client/client.ts';
import { type AnswerFlags, createAutoAnswer, pendingDecisions } from './auto-answer.ts';
import type { Cli } from './cli.ts';
import { howToDecide, titleText } from './decision-text.ts';
import { blocksText } from './event-text.ts';
import { holdText, isHeldForGood } from './hold-text.ts';
import { plainText } from './plain-text.ts';
import { PromptPresence } from '../protocol/prompt-presence.ts';
import { type PromptEnd, PromptTurns } from '../protocol/prompt-turns.ts';
import { suspendedText } from '../protocol/suspended-text.ts';

export interface RunPromptOptions {
  chat: Chat;
  prompt: SubmitPrompt;
  answers: AnswerFlags;
  /** Leaves when a decision needs a person; otherwise waits for someone to answer it elsewhere. */
  leavesUndecided: boolean;
  onReceipt?: (receipt: Receipt) => void;
  onEvent: (event: Event) => void;
}

/** How a prompt ended; printed as the last line for programs. */
export interface PromptResult extends Partial<Pick<PromptEnd, 'usage' | 'costUsd' | 'error'>> {
  type: 'result';
  chatId: string;
  promptId: string;
  /** The last turn; null if none has started with it. */
  turnId: string | null;
  outcome: PromptEnd['outcome'] | 'cancelled' | 'undecided' | 'held';
  /** The agent's last message in its turns. */
  text: string;
  /** The pending decisions, if the outcome is `undecided`. */
  decisionIds?: string[];
}

type Waiting = Pick<Decision, 'id' | 'kind' | 'title'> & { toolName?: string | null | undefined };

export async function runPrompt(
  { terminal }: Cli,
  client: BooClient,
  { chat, prompt, answers: flags, leavesUndecided, onReceipt, onEvent }: RunPromptOptions,
): Promise<PromptResult> {
  const answers = createAutoAnswer(flags);
  // Listed before this prompt has a turn: what that one asks arrives with its events.
  const pending = await pendingDecisions(client, chat);
  const tell = (words: string): void => terminal.err(`· ${words}\n`);
  const receipt = await client.prompt(chat.id, prompt);
  onReceipt?.(receipt);
  /** Whether only a person can resume the prompt. The hold may be long over if the prompt was sent before. */
  const isHeld = async (): Promise<boolean> => {
    const { hold } = await client.getChat(chat.id);
    if (hold) tell(holdText(hold, chat.id));
    return hold?.resumesAt === null;
  };
  const { chatId, promptId } = receipt;
  const seen = new Set<string>();
  const turns = new PromptTurns(promptId);
  const presence = new PromptPresence(promptId);
  let text = '';
  const resultOf = <Outcome extends PromptResult['outcome']>(outcome: Outcome) => ({
    type: 'result' as const,
    chatId,
    promptId,
    turnId: turns.turnId,
    text,
    outcome,
  });

  /** True if only a person can answer it. */
  async function meet(asked: Waiting): Promise<boolean> {
    if (seen.has(asked.id)) return false;
    seen.add(asked.id);
    const title = titleText(asked.title);
    const given = answers.answerTo(asked);
    if (given) {
      try {
        await client.decide(asked.id, given);
        tell(`${given.outcome === 'deny' ? 'Denied by --deny' : 'Allowed by --allow'}: ${title}`);
        return false;
      } catch (error) {
        if (error instanceof BooError && error.code === 'decision_settled') return false;
        tell(plainText(error instanceof Error ? error.message : String(error)));
      }
    }
    tell(`A decision is pending: ${title}`);
    tell(`Answer it with: ${howToDecide(asked)}`);
    return true;
  }

  /** Their process is gone, perhaps before it got an answer given in advance. Returns those only a person can answer. */
  async function meetAgain(event: EventOf<'turn_finished'>, ids: readonly string[]): Promise<string[]> {
    const left = (await pendingDecisions(client, chat)).filter(({ id }) => ids.includes(id));
    if (left.length > 0) tell(plainText(suspendedText(event)!));
    const undecided: string[] = [];
    for (const decision of left) {
      seen.delete(decision.id);
      if (await meet(decision)) undecided.push(decision.id);
    }
    return undecided;
  }

  for (const decision of pending) {
    if ((await meet(decision)) && leavesUndecided) return { ...resultOf('undecided'), decisionIds: [decision.id] };
  }
  if (receipt.held && (await isHeld())) return resultOf('held');
  for await (const item of client.follow(chatId, {
    after: receipt.seq - 1,
    onStatus: (status) => {
      if (status.state === 'waiting') tell(`${plainText(status.error.message)} Retrying …`);
    },
  })) {
    presence.noted(item);
    if (item.kind !== 'event') continue;
    const { event } = item;
    onEvent(event);
    const end = turns.noted(event);
    if (end === 'cancelled') return resultOf('cancelled');
    if (end) return { ...resultOf(end.outcome), ...end };
    switch (event.type) {
      case 'agent_message':
        if (turns.turnId !== null && event.parentToolCallId === undefined) text = blocksText(event.content);
        break;
      case 'decision_requested': {
        // Decisions answered long ago are in the log, too.
        const decision = { ...event, id: event.decisionId };
        if (event.seq > chat.head && (await meet(decision)) && leavesUndecided) {
          return { ...resultOf('undecided'), decisionIds: [event.decisionId] };
        }
        break;
      }
      case 'notice':
        // The cost in the result is less than what was spent.
        if (event.code === 'turn_cost_unknown' && turns.has(event.turnId)) tell(plainText(event.message));
        break;
      case 'queue_held':
        if (turns.turnId === null && isHeldForGood(event) && (await isHeld())) return resultOf('held');
        break;
      case 'turn_finished':
        if (turns.has(event.turnId) && event.openDecisionIds) {
          const decisionIds = await meetAgain(event, event.openDecisionIds);
          if (decisionIds.length > 0 && leavesUndecided) return { ...resultOf('undecided'), decisionIds };
        }
        break;
      default:
    }
  }
  throw new Error('The feed ended without a reason.');
}
