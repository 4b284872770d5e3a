/**
 * Follows what commands typed as prompts change in the program itself. No frame reports `/model` and `/effort`, so the
 * program is asked for its current settings. A session's name appears only in its transcript.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { createSerial } from '../../lib/serial.ts';
import { efforts, modelName } from '../../protocol/chat.ts';
import type { ContentBlock } from '../../protocol/content.ts';
import { textOf } from '../../protocol/text-of.ts';
import type { AgentBody } from '../../protocol/event.ts';
import { asRecord, asText, oneOf } from '../claude/mapping/loose-json.ts';
import { titleOf } from '../claude/mapping/session-title.ts';

export interface TypedChangesParts {
  /** The program's settings as it reports them; undefined if it reports none. */
  settings(): Promise<unknown>;
  /** What the chat asks for. */
  model: string | null;
  emit(event: AgentBody): void;
  onProblem(error: unknown): void;
}

const command = /^\s*\/(model|effort)\s+(\S.*?)\s*$/i;

export class TypedChanges {
  readonly #parts: TypedChangesParts;
  readonly #serial = createSerial();
  #model: string | null;
  /** The current model's full name. */
  #inForce: string | undefined;
  #title: string | undefined;
  #typed: { name: string; argument: string } | undefined;

  constructor(parts: TypedChangesParts) {
    this.#parts = parts;
    this.#model = parts.model;
  }

  /** A program has started on a transcript in which the session has this name. */
  begin(title: string | undefined): void {
    this.#title = title ?? this.#title;
    this.#look(async () => void (this.#inForce = await this.#ask()));
  }

  /** The chat uses another model, and the program has been informed. */
  noteModel(model: string | null): void {
    this.#model = model;
    this.#look(async () => void (this.#inForce = await this.#ask()));
  }

  notePrompt(content: readonly ContentBlock[]): void {
    const [, name, argument] = command.exec(textOf(content)) ?? [];
    this.#typed = name && argument ? { name: name.toLowerCase(), argument } : undefined;
  }

  /** A prompt has its result. */
  noteResult(): void {
    const typed = this.#typed;
    this.#typed = undefined;
    if (typed?.name === 'effort') this.#followEffort(typed.argument.toLowerCase());
    if (typed?.name === 'model') this.#look(() => this.#followModel(typed.argument));
  }

  /** Entries of the session's own transcript, as they are written. */
  noteEntries(entries: readonly SessionStoreEntry[]): void {
    for (const entry of entries) {
      const given = titleOf(entry);
      if (given === undefined || given === this.#title) continue;
      this.#title = given;
      this.#parts.emit({ type: 'session_info_update', title: given });
    }
  }

  #followEffort(argument: string): void {
    const effort = argument === 'auto' ? null : oneOf(efforts, argument);
    if (effort !== undefined) this.#parts.emit({ type: 'current_effort_update', effort });
  }

  async #followModel(argument: string): Promise<void> {
    const before = this.#inForce;
    this.#inForce = await this.#ask();
    const isDefault = argument.toLowerCase() === 'default';
    // A model that the program did not accept, or the same one under another name.
    if (!isDefault && this.#inForce === before) return;
    const model = isDefault ? null : (modelName.safeParse(argument).data ?? null);
    if (model === this.#model) return;
    this.#model = model;
    this.#parts.emit({ type: 'current_model_update', model });
  }

  async #ask(): Promise<string | undefined> {
    return asText(asRecord(asRecord(await this.#parts.settings())['applied'])['model']);
  }

  #look(task: () => Promise<void>): void {
    this.#serial(task).catch((error: unknown) => this.#parts.onProblem(error));
  }
}
