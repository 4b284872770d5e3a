/**
 * Somebody who uses one chat: sends prompts under ids of their own, and again until there is an answer, through whichever
 * host; answers what the agent asks; resumes what is held. Its readers follow the chat.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type BooClient, BooError, isUnreachable } from '../../src/client/client.ts';
import type { Event } from '../../src/protocol/event.ts';
import type { ChaosHost } from './chaos-host.ts';
import { ChatReader } from './chat-reader.ts';
import { openRecords, type Records } from './records.ts';

export interface ChatClientParts {
  name: string;
  chatId: string;
  runDirectory: string;
  token: string;
  readonly pickHost: () => ChaosHost;
  readonly random: () => number;
  /** A prompt's text, with its id in it so that no other is the same. */
  readonly write: (promptId: string, random: () => number) => string;
  readers: number;
}

/** Nothing is stored, and the same request again would be refused again. */
const definite = new Set(['invalid_request', 'invalid_json', 'payload_too_large', 'not_found', 'unauthorized']);
/** How long a prompt is sent again before its sender gives up. */
const patienceMs = 240_000;

export class ChatClient {
  readonly name: string;
  readonly chatId: string;
  readonly records: Records;
  readonly readers: readonly ChatReader[];
  /** Acknowledged prompts. */
  acknowledged = 0;
  readonly #parts: ChatClientParts;
  readonly #open = new Set<string>();
  /** Of prompts whose turn ended, whether or not their receipt has come. */
  readonly #finished = new Set<string>();
  readonly #turns = new Map<string, readonly string[]>();
  readonly #asked = new Map<string, Promise<void>>();
  readonly #settled = new Set<string>();
  #head = 0;
  #sent = 0;

  constructor(parts: ChatClientParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.chatId = parts.chatId;
    this.records = openRecords(parts.runDirectory, parts.name);
    const { chatId, token, pickHost, random, runDirectory } = parts;
    this.readers = Array.from({ length: parts.readers }, (_, index) => {
      const reader = `${parts.name}-reader-${index + 1}`;
      const onEvent = (event: Event): void => this.#see(event);
      return new ChatReader({
        reader,
        chatId,
        token,
        pickHost,
        random,
        onEvent,
        records: openRecords(runDirectory, reader),
      });
    });
  }

  /** Whether every acknowledged prompt has had its turn, as far as the readers were shown. */
  get isQuiet(): boolean {
    return [...this.#open].every((promptId) => this.#finished.has(promptId));
  }

  /** What still waits for its turn. */
  get open(): string[] {
    return [...this.#open].filter((promptId) => !this.#finished.has(promptId));
  }

  /** Sends prompts as long as it may, one or a few at a time, and waits for their turns. */
  async drive(mayGoOn: () => Promise<boolean>): Promise<void> {
    const { random } = this.#parts;
    for (;;) {
      const burst = random() < 0.25 ? 3 : 1;
      for (let count = 0; count < burst; count += 1) {
        if (!(await mayGoOn())) return;
        await this.send();
      }
      await this.untilQuiet(60_000);
      await delay(random() * 300);
    }
  }

  /** False if some acknowledged prompts have had no turn by then. */
  async untilQuiet(limitMs: number): Promise<boolean> {
    const deadline = performance.now() + limitMs;
    let lookAt = performance.now() + 3_000;
    while (!this.isQuiet && performance.now() < deadline) {
      await delay(20);
      if (performance.now() < lookAt) continue;
      await this.#resumeIfHeld();
      lookAt = performance.now() + 3_000;
    }
    return this.isQuiet;
  }

  /** Until it is acknowledged or definitely refused, or nothing helps. Returns whether it was acknowledged. */
  async send({ task, through }: { task?: string; through?: () => ChaosHost } = {}): Promise<boolean> {
    const { name, random, write } = this.#parts;
    this.#sent += 1;
    const promptId = `${name}-${this.#sent}`;
    const text = task === undefined ? write(promptId, random) : `${promptId}: ${task}`;
    // Now and then one that no server takes.
    if (random() < 0.01) {
      await this.#sendOnce(`${promptId}-refused`, `${text} refused`, { more: [{ type: 'nonsense' }] });
    }
    const deadline = performance.now() + patienceMs;
    for (let attempt = 1; performance.now() < deadline; attempt += 1) {
      const isOver = await this.#sendOnce(promptId, text, { attempt, through });
      if (!isOver) {
        await delay(50 + random() * 250);
        continue;
      }
      // Somebody whose receipt was lost on the way to the screen sends it once more.
      if (random() < 0.05) await this.#sendOnce(promptId, text, { attempt: attempt + 1 });
      return true;
    }
    this.records.write({ kind: 'unknown', chatId: this.chatId, promptId });
    return false;
  }

  /** True if there is an answer. */
  async #sendOnce(
    promptId: string,
    text: string,
    {
      attempt = 1,
      more = [],
      through,
    }: { attempt?: number; more?: unknown[]; through?: (() => ChaosHost) | undefined },
  ): Promise<boolean> {
    const { random } = this.#parts;
    const pickHost = through ?? this.#parts.pickHost;
    const { chatId, records } = this;
    records.write({ kind: 'sent', chatId, promptId, text, ...(attempt > 1 ? { attempt } : {}) });
    // Some hang up before the answer can have come.
    const impatience = random() < 0.08 ? AbortSignal.timeout(1 + Math.floor(random() * 60)) : undefined;
    const content = [{ type: 'text', text }, ...more] as Parameters<BooClient['prompt']>[1]['content'];
    try {
      const client = pickHost().client();
      const receipt = await client.prompt(chatId, { id: promptId, content }, { attempts: 1, signal: impatience });
      records.write({ kind: 'acknowledged', chatId, promptId, seq: receipt.seq });
      if (!this.#open.has(promptId)) this.acknowledged += 1;
      this.#open.add(promptId);
      return true;
    } catch (error) {
      // A prompt with another body under this id, or an answer that is no answer, is for the checker to see.
      const code = error instanceof BooError && !isUnreachable(error) ? error.code : undefined;
      if (code === undefined || !(definite.has(code) || code === 'prompt_conflict')) return false;
      records.write({ kind: 'refused', chatId, promptId, code });
      return true;
    }
  }

  #see(event: Event): void {
    if (event.seq <= this.#head) return;
    this.#head = event.seq;
    if (event.type === 'turn_started') this.#turns.set(event.turnId, event.promptIds);
    if (event.type === 'turn_finished' && !event.requeuedPromptIds)
      for (const promptId of this.#turns.get(event.turnId) ?? []) this.#finished.add(promptId);
    if (event.type === 'decision_requested' && !this.#asked.has(event.decisionId))
      this.#asked.set(event.decisionId, this.#answer(event.decisionId));
    if (event.type === 'decision_resolved') this.#settled.add(event.decisionId);
  }

  async #answer(decisionId: string): Promise<void> {
    const { random, pickHost } = this.#parts;
    const outcome = random() < 0.7 ? 'allow' : 'deny';
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline && !this.#settled.has(decisionId)) {
      try {
        await pickHost().client().decide(decisionId, { outcome });
        this.records.write({ kind: 'answered', chatId: this.chatId, decisionId, outcome });
        return;
      } catch (error) {
        if (error instanceof BooError && ['decision_settled', 'not_found'].includes(error.code)) return;
        await delay(100 + random() * 300);
      }
    }
  }

  /** A queue is held after three hosts died while a prompt's turn started. */
  async #resumeIfHeld(): Promise<void> {
    const client = this.#parts.pickHost().client(5_000);
    try {
      if ((await client.getChat(this.chatId)).hold) await client.resumeQueue(this.chatId);
    } catch {
      // It is looked at again.
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
    await Promise.all(this.#asked.values());
  }
}
