/** Plays each log and looks at what its turns do with its prompts. */
import type { Problem, ProblemKind } from './problem.ts';
import type { Run, StoredEvent } from './read-run.ts';

export function checkTurns({ logs }: Run): Problem[] {
  return [...logs].flatMap(([chatId, events]) => new PlayedLog(chatId).play(events));
}

interface QueuedPrompt {
  seq: number;
  state: 'waiting' | 'taken' | 'ended' | 'cancelled';
}

class PlayedLog {
  readonly #chatId: string;
  readonly #problems: Problem[] = [];
  readonly #started = new Map<string, readonly string[]>();
  readonly #finished = new Set<string>();
  readonly #prompts = new Map<string, QueuedPrompt>();
  readonly #openDecisions = new Set<string>();
  #runningTurnId: string | undefined;
  #isHeld = false;
  /** Someone has moved waiting prompts: their order is no longer that of their events. */
  #wasReordered = false;

  constructor(chatId: string) {
    this.#chatId = chatId;
  }

  play(events: readonly StoredEvent[]): Problem[] {
    for (const event of events) this.#take(event);
    if (this.#runningTurnId !== undefined) this.#fault('turn', `turn ${this.#runningTurnId} never finished.`);
    for (const [promptId, { seq, state }] of this.#prompts) {
      if (state !== 'waiting' || this.#isHeld || this.#openDecisions.size > 0) continue;
      this.#fault('unfinished', `prompt ${promptId}, event ${seq}, still waits, and nothing holds it back.`);
    }
    return this.#problems;
  }

  #fault(kind: ProblemKind, what: string): void {
    this.#problems.push({ kind, text: `In chat ${this.#chatId}, ${what}` });
  }

  #take(event: StoredEvent): void {
    const { type, seq, promptId = '', decisionId = '' } = event;
    switch (type) {
      case 'prompt_accepted':
        if (!this.#prompts.has(promptId)) this.#prompts.set(promptId, { seq, state: 'waiting' });
        break;
      case 'prompt_cancelled':
        this.#cancel(event);
        break;
      case 'prompts_reordered':
        this.#wasReordered = true;
        break;
      case 'turn_started':
        this.#start(event);
        break;
      case 'turn_finished':
        this.#finish(event);
        break;
      case 'queue_held':
        this.#isHeld = true;
        break;
      case 'queue_resumed':
        this.#isHeld = false;
        for (const id of event.requeuedPromptIds ?? []) this.#waitAgain(id, seq);
        break;
      case 'decision_requested':
        this.#openDecisions.add(decisionId);
        break;
      case 'decision_resolved':
        this.#openDecisions.delete(decisionId);
        break;
      default:
    }
  }

  #start({ seq, turnId = '', promptIds = [] }: StoredEvent): void {
    if (this.#started.has(turnId)) this.#fault('turn', `turn ${turnId} starts again at ${seq}.`);
    if (this.#runningTurnId !== undefined) {
      this.#fault('turn', `turn ${turnId} starts at ${seq}, while turn ${this.#runningTurnId} runs.`);
    }
    this.#started.set(turnId, promptIds);
    this.#runningTurnId = turnId;
    for (const promptId of promptIds) this.#takePrompt(promptId, seq);
  }

  #takePrompt(promptId: string, seq: number): void {
    const prompt = this.#prompts.get(promptId);
    if (!prompt) return this.#fault('turn', `the turn at ${seq} has prompt ${promptId}, which was not accepted.`);
    if (prompt.state === 'cancelled') this.#fault('cancelled', `prompt ${promptId} runs at ${seq}, but was cancelled.`);
    else if (prompt.state !== 'waiting') {
      this.#fault(
        'rerun',
        `prompt ${promptId} gets another turn at ${seq}, although nothing says that it waited again.`,
      );
    }
    const ahead = [...this.#prompts].find(([, { state, seq: at }]) => state === 'waiting' && at < prompt.seq);
    if (ahead && !this.#wasReordered) {
      this.#fault('reordered', `prompt ${promptId} runs at ${seq}, before ${ahead[0]}, which was accepted before it.`);
    }
    prompt.state = 'taken';
  }

  #finish({ seq, turnId = '', requeuedPromptIds = [] }: StoredEvent): void {
    if (this.#finished.has(turnId)) return this.#fault('turn', `turn ${turnId} finishes again at ${seq}.`);
    this.#finished.add(turnId);
    const promptIds = this.#started.get(turnId);
    if (!promptIds) return this.#fault('turn', `turn ${turnId} finishes at ${seq}, but never started.`);
    if (this.#runningTurnId === turnId) this.#runningTurnId = undefined;
    for (const promptId of promptIds) {
      const prompt = this.#prompts.get(promptId);
      if (prompt?.state === 'taken') prompt.state = 'ended';
    }
    for (const promptId of requeuedPromptIds) this.#waitAgain(promptId, seq);
  }

  #waitAgain(promptId: string, seq: number): void {
    const prompt = this.#prompts.get(promptId);
    if (!prompt) this.#fault('turn', `prompt ${promptId} waits again at ${seq}, but was not accepted.`);
    else if (prompt.state !== 'cancelled') prompt.state = 'waiting';
  }

  #cancel({ seq, promptId = '' }: StoredEvent): void {
    const prompt = this.#prompts.get(promptId);
    if (prompt?.state === 'waiting') prompt.state = 'cancelled';
    else this.#fault('cancelled', `prompt ${promptId} is cancelled at ${seq}, but does not wait.`);
  }
}
