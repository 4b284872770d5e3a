/**
 * Follows what a person changes in the program itself at the terminal. Its commands are in the transcript, each
 * followed by its output; the name of a model chosen from a list appears at the start of the next turn.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { efforts, modelName } from '../../protocol/chat.ts';
import type { AgentBody } from '../../protocol/event.ts';
import { asRecord, asText, oneOf } from '../claude/mapping/loose-json.ts';
import { titleOf } from '../claude/mapping/session-title.ts';
import { textBetween } from '../claude/mapping/typed-text.ts';

export class TypedChanges {
  #title: string | undefined;
  #typed: { command: string; argument: string } | undefined;
  #isChosen = false;

  /** The session's name in its transcript so far. */
  open(title: string | undefined): void {
    this.#title = title;
  }

  /** The change made by an entry of the session's own transcript. */
  take(entry: SessionStoreEntry): AgentBody | undefined {
    if (entry.type === 'custom-title') return this.#named(titleOf(entry));
    if (entry.type === 'attachment') return this.#choice(asRecord(entry['attachment']));
    const text = entry.type === 'user' ? asRecord(entry['message'])['content'] : entry['content'];
    if (typeof text !== 'string') return undefined;
    const command = textBetween(text, 'command-name');
    if (command !== undefined) this.#typed = { command, argument: textBetween(text, 'command-args')?.trim() ?? '' };
    const printed = textBetween(text, 'local-command-stdout');
    return printed === undefined || this.#typed === undefined ? undefined : this.#changed(this.#typed, printed);
  }

  #changed({ command, argument }: { command: string; argument: string }, printed: string): AgentBody | undefined {
    this.#typed = undefined;
    if (command === '/model' && printed.startsWith('Set model to')) {
      this.#isChosen = argument === '';
      if (argument === '') return undefined;
      const model = argument.toLowerCase() === 'default' ? null : modelName.safeParse(argument).data;
      return model === undefined ? undefined : { type: 'current_model_update', model };
    }
    if (command === '/effort') {
      const [, level] = /^(?:Set effort level to|Effort level set to) (\w+)/.exec(printed) ?? [];
      const effort = level === 'auto' ? null : oneOf(efforts, level);
      return effort === undefined ? undefined : { type: 'current_effort_update', effort };
    }
    return undefined;
  }

  #choice(attachment: Readonly<Record<string, unknown>>): AgentBody | undefined {
    if (!this.#isChosen || attachment['type'] !== 'model') return undefined;
    this.#isChosen = false;
    const model = modelName.safeParse(asText(asRecord(attachment['identity'])['modelId'])).data;
    return model === undefined ? undefined : { type: 'current_model_update', model };
  }

  #named(given: string | undefined): AgentBody | undefined {
    if (given === undefined || given === this.#title) return undefined;
    this.#title = given;
    return { type: 'session_info_update', title: given };
  }
}
