/** A prompt and its turn for programs: nobody is asked, and nothing is formatted for reading. */
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
import type { TurnFinished } from './conversation.ts';
import { howToDecide, titleText } from './decision-text.ts';
import { blocksText } from './event-text.ts';
import { holdText, isHeldForGood } from './hold-text.ts';
import { plainText } from './plain-text.ts';

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
export interface PromptResult {
  type: 'result';
  chatId: string;
  promptId: string;
  /** Null if no turn has started with it. */
  turnId: string | null;
  outcome: TurnFinished['outcome'] | 'cancelled' | 'undecided' | 'held';
  /** The agent's last message in this turn. */
  text: string;
  usage?: TurnFinished['usage'];
  costUsd?: number;
  error?: TurnFinished['error'];
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
  const result = { type: 'result' as const, chatId, promptId, turnId: null as string | null, text: '' };

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

  for (const decision of pending) {
    if ((await meet(decision)) && leavesUndecided) {
      return { ...result, outcome: 'undecided', decisionIds: [decision.id] };
    }
  }
  if (receipt.held && (await isHeld())) return { ...result, outcome: 'held' };
  for await (const item of client.follow(chatId, {
    after: receipt.seq - 1,
    onStatus: (status) => {
      if (status.state === 'waiting') tell(`${plainText(status.error.message)} Retrying …`);
    },
  })) {
    if (item.kind !== 'event') continue;
    const { event } = item;
    onEvent(event);
    switch (event.type) {
      case 'turn_started':
        if (event.promptIds.includes(promptId)) result.turnId = event.turnId;
        break;
      case 'agent_message':
        if (result.turnId !== null && event.parentToolCallId === undefined) result.text = blocksText(event.content);
        break;
      case 'decision_requested': {
        // Decisions answered long ago are in the log, too.
        const decision = { ...event, id: event.decisionId };
        if (event.seq > chat.head && (await meet(decision)) && leavesUndecided) {
          return { ...result, outcome: 'undecided', decisionIds: [event.decisionId] };
        }
        break;
      }
      case 'queue_held':
        if (result.turnId === null && isHeldForGood(event) && (await isHeld())) return { ...result, outcome: 'held' };
        break;
      case 'prompt_cancelled':
        if (event.promptId === promptId) return { ...result, outcome: 'cancelled' };
        break;
      case 'turn_finished':
        if (event.turnId === result.turnId) {
          // The agent never received it: another turn follows.
          if (event.requeuedPromptIds?.includes(promptId)) {
            result.turnId = null;
            break;
          }
          const { outcome, usage, costUsd, error } = event;
          return { ...result, outcome, usage, costUsd, ...(error && { error }) };
        }
        break;
      default:
    }
  }
  throw new Error('The feed ended without a reason.');
}
