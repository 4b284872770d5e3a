/**
 * Takes secret values out of what is stored, shown or logged. A value is looked for as it is and in the forms in which text
 * inside JSON, or inside an address, has it; of one with several lines, each long line is a value of its own, because tools
 * number, indent and end lines in their own ways. What is encoded otherwise, or cut, is not found.
 */
export interface KnownSecret {
  readonly name: string;
  readonly value: string;
}

interface Form {
  text: string;
  instead: string;
}

/** Shorter values turn up by chance. */
export const shortestSecret = 8;
/** Lines of keys are longer, lines of settings mostly shorter. */
const shortestLine = 16;

export const insteadOf = (name: string): string => `[secret ${name}]`;

export class Redaction {
  /** The longest first. */
  #forms: readonly Form[] = [];
  readonly #known = new Set<string>();
  /** By stream, what was held back: it may be the beginning of a value. */
  readonly #held = new Map<string, string>();
  readonly #onAdded: ((secrets: readonly KnownSecret[]) => void) | undefined;

  constructor(onAdded?: (secrets: readonly KnownSecret[]) => void) {
    this.#onAdded = onAdded;
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  /** What was added once stays: an agent may still have a value that was replaced. */
  add(secrets: readonly KnownSecret[]): void {
    const added = secrets.filter(({ name, value }) => value !== '' && !this.#known.has(`${name}=${value}`));
    if (added.length === 0) return;
    for (const { name, value } of added) this.#known.add(`${name}=${value}`);
    const forms = new Map(this.#forms.map((form) => [form.text, form]));
    for (const { name, value } of added) {
      for (const text of formsOf(value)) if (!forms.has(text)) forms.set(text, { text, instead: insteadOf(name) });
    }
    this.#forms = [...forms.values()].toSorted((one, other) => other.text.length - one.text.length);
    this.#onAdded?.(added);
  }

  text(text: string): string {
    const present = this.#forms.filter((form) => text.includes(form.text));
    if (present.length === 0) return text;
    let result = '';
    let at = 0;
    for (;;) {
      let next: Form | undefined;
      let place = Infinity;
      for (const form of present) {
        const found = text.indexOf(form.text, at);
        if (found !== -1 && found < place) [next, place] = [form, found];
      }
      if (!next) return result + text.slice(at);
      result += text.slice(at, place) + next.instead;
      at = place + next.text.length;
    }
  }

  /** In all texts of a JSON value, names included. What has none is returned as it is. */
  deep<T>(value: T): T {
    return this.isEmpty ? value : (this.#deep(value) as T);
  }

  #deep(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#deep(item));
      return items.some((item, index) => item !== value[index]) ? items : value;
    }
    if (!isPlainObject(value)) return value;
    const entries = Object.entries(value).map(([key, item]) => [this.text(key), this.#deep(item)] as const);
    const isSame = entries.every(([key, item]) => Object.hasOwn(value, key) && value[key] === item);
    return isSame ? value : Object.fromEntries(entries);
  }

  bytes(content: Uint8Array): Uint8Array {
    if (this.isEmpty) return content;
    // One character per byte, so that what is no text stays as it is.
    let text = Buffer.from(content).toString('latin1');
    const before = text;
    for (const form of this.#forms) text = text.replaceAll(asBytes(form.text), () => asBytes(form.instead));
    return text === before ? content : Buffer.from(text, 'latin1');
  }

  /** A piece of a text that comes in pieces: what of it can be shown now. */
  piece(stream: string, piece: string): string {
    if (this.isEmpty) return piece;
    const text = this.text((this.#held.get(stream) ?? '') + piece);
    const length = this.#beginning(text);
    if (length === 0) this.#held.delete(stream);
    else this.#held.set(stream, text.slice(text.length - length));
    return length === 0 ? text : text.slice(0, -length);
  }

  /** The texts have been said whole. */
  forgetPieces(): void {
    this.#held.clear();
  }

  /** How many characters at the end may begin a value. */
  #beginning(text: string): number {
    let longest = 0;
    const last = text.charCodeAt(text.length - 1);
    for (const { text: form } of this.#forms) {
      for (let length = Math.min(form.length - 1, text.length); length > longest; length -= 1) {
        if (form.charCodeAt(length - 1) !== last || !text.endsWith(form.slice(0, length))) continue;
        longest = length;
        break;
      }
    }
    return longest;
  }
}

function formsOf(value: string): Set<string> {
  const lines = value.split(/\r\n|\r|\n/);
  const long = lines.length === 1 ? [] : lines.map((line) => line.trim()).filter((line) => line.length >= shortestLine);
  const forms = new Set<string>();
  for (const text of [value, value.trim(), ...long]) {
    if (text === '') continue;
    const once = escaped(text);
    for (const form of [text, once, escaped(once), inAscii(once), inAscii(escaped(once)), inAddress(text)]) {
      if (form.length >= Math.min(shortestSecret, value.length)) forms.add(form);
    }
  }
  return forms;
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
const inAscii = (text: string): string =>
  text.replaceAll(/[^\0-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
const asBytes = (text: string): string => Buffer.from(text).toString('latin1');

function inAddress(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    // A lone surrogate has no such form.
    return text;
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
