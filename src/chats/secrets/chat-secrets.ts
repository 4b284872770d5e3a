/** The secrets of one chat that this host holds: what its agent is given, and what is taken out of all that it says. */
import { Redaction } from '../../lib/redaction.ts';
import type { Secrets } from './secrets.ts';

export class ChatSecrets {
  readonly redaction: Redaction;
  readonly #secrets: Secrets;
  readonly #chatId: string;
  #isKnown = false;
  #preparing: Promise<void> | undefined;

  constructor(secrets: Secrets, chatId: string) {
    this.#secrets = secrets;
    this.#chatId = chatId;
    this.redaction = new Redaction((added) => secrets.ofLog?.add(added));
  }

  /** Before the chat's first write: a person may type a value before any agent has it. */
  async prepare(): Promise<void> {
    if (this.#isKnown || !this.#secrets.isUsed) return;
    // Writes that wait for it go on in the order in which they came.
    this.#preparing ??= this.#read().finally(() => (this.#preparing = undefined));
    await this.#preparing;
  }

  async #read(): Promise<void> {
    this.redaction.add(await this.#secrets.knownOf(this.#chatId));
    this.#isKnown = true;
  }

  /** What the agent that is about to start is given, by name. Throws `agent_failed`. */
  async variables(directories: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const given = await this.#secrets.valuesFor(this.#chatId, { directories });
    this.redaction.add(given);
    await this.#secrets.noteUse(given);
    return Object.fromEntries(given.map(({ name, value }) => [name, value]));
  }
}
