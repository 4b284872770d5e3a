/** A chat as followed at a terminal: prints what happens, asks the person about decisions, waits for turns. */
import type { BooClient, Chat, Event, FeedItem, FeedStatus } from '../client/client.ts';
import { type AnswerFlags, createAutoAnswer, pendingDecisions } from './auto-answer.ts';
import { type Asker, createAsker } from './asker.ts';
import { holdText, isHeldForGood } from './hold-text.ts';
import { plainLine } from './plain-text.ts';
import { createRenderer, type Piece } from './render.ts';
import type { Terminal } from './terminal.ts';
import { PromptPresence } from '../protocol/prompt-presence.ts';
import { type PromptEnd, PromptTurns } from '../protocol/prompt-turns.ts';
import { waitWords } from '../protocol/wait-words.ts';

/** `cancelled`: before its turn started. */
type PromptOutcome = PromptEnd['outcome'] | 'cancelled' | 'held';

export interface Conversation {
  /** Sends a prompt and resolves when its last turn has finished, when someone has cancelled it, or when it is held. */
  submit(text: string): Promise<PromptOutcome>;
  readonly asker: Asker;
  /** Prints a remark on its own line, on standard error. */
  tell(remark: string): void;
  /** Rejects when the chat can no longer be followed. */
  readonly lost: Promise<never>;
  /** Resolves when a decision waits and the input, which is not a terminal, has ended. */
  readonly undecided: Promise<'undecided'>;
  /** Called for each decision that needs the person. */
  onDecision: () => void;
  close(): Promise<void>;
}

/** How often to check what the chat is waiting for, while nothing arrives. */
const lookMs = 2_000;

interface Waiting {
  turns: PromptTurns;
  presence: PromptPresence;
  /** Whether the server has acknowledged it. */
  isStored: boolean;
  resolve(outcome: PromptOutcome): void;
  reject(error: unknown): void;
}

export async function openConversation(
  client: BooClient,
  chat: Chat,
  terminal: Terminal,
  flags: AnswerFlags = {},
): Promise<Conversation> {
  const answers = createAutoAnswer(flags);
  let leaveUndecided = (): void => {};
  const undecided = new Promise<'undecided'>((resolve) => (leaveUndecided = () => resolve('undecided')));
  const ownPrompts = new Set<string>();
  const waiting = new Set<Waiting>();
  const abort = new AbortController();
  const { backends } = await client.info();
  const renderer = createRenderer({
    backends,
    outStyle: terminal.outStyle,
    errStyle: terminal.errStyle,
    log: false,
    columns: () => terminal.size.columns,
    canRewrite: terminal.canRewriteErr,
    isOwnPrompt: (promptId) => ownPrompts.has(promptId),
  });
  // Agent output that arrives while something is asked waits: between a card and its question it could pass for part of
  // either.
  let held: Piece[] | undefined;
  const print = (pieces: Piece[]): void => {
    if (held) held.push(...pieces);
    else for (const { to, text } of pieces) terminal[to](text);
  };
  const asker = createAsker({
    client,
    terminal,
    beforePrint: () => print(renderer.breakLine()),
    print: (text) => print([...renderer.breakLine(), { to: 'out', text }]),
    hold() {
      print(renderer.breakLine());
      held = [];
    },
    release() {
      const pieces = held ?? [];
      held = undefined;
      print(pieces);
    },
    answerTo: (asked) => answers.answerTo(asked),
    // Someone at the terminal can answer elsewhere, and see it here.
    onUndecided: () => void (terminal.isInteractive || leaveUndecided()),
  });

  let away = false;
  function onStatus(status: FeedStatus): void {
    if (status.state === 'connecting' || (status.state === 'waiting') === away) return;
    away = !away;
    conversation.tell(status.state === 'waiting' ? `${status.error.message} Retrying …` : 'Connected again.');
  }

  let heardMs = performance.now();
  let isLooking = false;
  /** While nothing arrives, shows what the turn is waiting for, if someone here waits for it. */
  async function tellWait(): Promise<void> {
    if (waiting.size === 0 || held || away || isLooking || performance.now() - heardMs < lookMs) return;
    isLooking = true;
    try {
      const { waitsFor } = await client.getChat(chat.id);
      // What a person is asked is already on the screen.
      if (!waitsFor || waitsFor.for === 'person' || held || performance.now() - heardMs < lookMs) return;
      const { text, what } = waitWords(waitsFor, Date.now());
      print(
        renderer.tellWait(
          `${waitsFor.for} ${waitsFor.since} ${waitsFor.place ?? ''}`,
          what === null ? text : `${text}: ${what}`,
        ),
      );
    } catch {
      // The feed reports that the server is unreachable.
    } finally {
      isLooking = false;
    }
  }

  /** The log may have been replaced by one without a prompt that is waited for. */
  function checkPresence(item: FeedItem): void {
    for (const prompt of waiting) {
      try {
        prompt.presence.noted(item, prompt.isStored);
      } catch (error) {
        waiting.delete(prompt);
        prompt.reject(error);
      }
    }
  }

  function track(event: Event): void {
    for (const prompt of waiting) {
      const end = prompt.turns.noted(event);
      if (!end) continue;
      waiting.delete(prompt);
      prompt.resolve(end === 'cancelled' ? end : end.outcome);
    }
    switch (event.type) {
      case 'queue_held':
        if (!isHeldForGood(event)) break;
        for (const turn of waiting) {
          waiting.delete(turn);
          turn.resolve('held');
        }
        break;
      case 'decision_requested':
        conversation.onDecision();
        asker.add({ ...event, id: event.decisionId });
        break;
      case 'decision_resolved':
        asker.settle(event.decisionId, event);
        break;
      default:
    }
  }

  async function follow(): Promise<void> {
    for await (const item of client.follow(chat.id, { after: chat.head, signal: abort.signal, onStatus })) {
      heardMs = performance.now();
      print(renderer.render(item));
      checkPresence(item);
      if (item.kind === 'event') track(item.event);
    }
  }

  let lose: (cause: unknown) => void = () => {};
  const lost = new Promise<never>((_resolve, reject) => (lose = reject));
  // Keeps the rejection from being unhandled if nothing awaits `lost`.
  lost.catch(() => {});

  const conversation: Conversation = {
    async submit(text) {
      const promptId = crypto.randomUUID();
      ownPrompts.add(promptId);
      const own = { turns: new PromptTurns(promptId), presence: new PromptPresence(promptId), isStored: false };
      const finished = new Promise<PromptOutcome>((resolve, reject) =>
        waiting.add(Object.assign(own, { resolve, reject })),
      );
      // Keeps the rejection from being unhandled before it is awaited.
      finished.catch(() => {});
      const receipt = await client.prompt(chat.id, { id: promptId, content: text });
      own.isStored = true;
      const hold = receipt.held ? (await client.getChat(chat.id)).hold : null;
      if (hold) {
        conversation.tell(holdText(hold, chat.id));
        if (hold.resumesAt === null) return 'held';
      }
      return Promise.race([finished, lost]);
    },
    asker,
    tell(remark) {
      print(renderer.breakLine());
      terminal.err(`${terminal.errStyle('dim', `· ${plainLine(remark, 500)}`)}\n`);
    },
    lost,
    undecided,
    onDecision: () => {},
    async close() {
      asker.close();
      clearInterval(looking);
      abort.abort();
      await following;
      print(renderer.breakLine());
    },
  };

  // Decisions that were pending before we connected appear in no future event.
  for (const decision of await pendingDecisions(client, chat)) asker.add(decision);
  const following = follow().catch(lose);
  const looking = setInterval(() => void tellWait(), lookMs);
  return conversation;
}
