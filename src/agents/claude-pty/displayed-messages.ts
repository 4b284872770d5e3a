/**
 * Previews of answers in the terminal: what the program shows while it streams, see `display-receiver.ts`. The transcript
 * stays the truth. Its message takes the id of its preview, so that clients replace the one by the other; which preview that
 * is, only the text says, because the program's ids differ.
 */
import type { AgentBody, DeltaBody } from '../../protocol/event.ts';
import type { DisplayedText } from './display-receiver.ts';

type Message = Extract<AgentBody, { type: 'agent_message' }>;

interface Preview {
  text: string;
  /** How much of the text is shown. */
  shown: number;
  nextIndex: number;
  /** Pieces that have overtaken others. */
  early: Map<number, string>;
}

/** Pieces arrive seconds late at most, and an agent makes one message at a time. */
const mostRemembered = 16;

export class DisplayedMessages {
  /** Returns false if there is no turn to show it in. */
  readonly #show: (delta: DeltaBody) => boolean;
  readonly #open = new Map<string, Preview>();
  /** Ids whose message is stored, or never will be. */
  #over: string[] = [];
  /** The texts of stored messages without a preview: it may still arrive, too late. */
  #unseen: string[] = [];

  constructor(show: (delta: DeltaBody) => boolean) {
    this.#show = show;
  }

  /** The program shows this. */
  take({ messageId, index, text }: DisplayedText): void {
    if (this.#over.includes(messageId)) return;
    let preview = this.#open.get(messageId);
    if (!preview) {
      preview = { text: '', shown: 0, nextIndex: 0, early: new Map() };
      this.#open.set(messageId, preview);
    }
    preview.early.set(index, text);
    for (let next; (next = preview.early.get(preview.nextIndex)) !== undefined; preview.nextIndex += 1) {
      preview.early.delete(preview.nextIndex);
      preview.text += next;
    }
    if (preview.shown === 0 && this.#isLate(preview.text)) return this.#finish(messageId);
    const rest = preview.text.slice(preview.shown);
    if (rest === '') return;
    const content = { type: 'text' as const, text: rest };
    if (this.#show({ type: 'agent_message_chunk', messageId, content })) preview.shown = preview.text.length;
  }

  /** The transcript has the message: as it is to be stored. */
  stored(message: Message): Message {
    const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    const open = [...this.#open].filter(([, { text: shown }]) => shown !== '');
    // Without one that fits, the program shows it otherwise than the model said it.
    const [messageId] = open.find(([, preview]) => fits(preview.text, text)) ?? open[0] ?? [];
    if (messageId === undefined) {
      this.#unseen = [...this.#unseen, text].slice(-mostRemembered);
      return message;
    }
    this.#finish(messageId);
    return { ...message, messageId };
  }

  /** A turn has ended, and with it what was shown in it. */
  noteTurnEnd(): void {
    for (const messageId of this.#open.keys()) this.#finish(messageId);
  }

  #isLate(text: string): boolean {
    const at = this.#unseen.findIndex((stored) => fits(text, stored));
    if (at !== -1) this.#unseen = this.#unseen.toSpliced(at, 1);
    return at !== -1;
  }

  #finish(messageId: string): void {
    this.#open.delete(messageId);
    this.#over = [...this.#over, messageId].slice(-mostRemembered);
  }
}

/** One is the beginning of the other; the program may show other blanks than the model sent. */
function fits(one: string, other: string): boolean {
  const [a, b] = [one.replaceAll(/\s/g, ''), other.replaceAll(/\s/g, '')];
  return a !== '' && b !== '' && (a.startsWith(b) || b.startsWith(a));
}
