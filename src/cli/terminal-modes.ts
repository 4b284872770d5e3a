/**
 * What a program has changed in the terminal that shows it, read from its output, so that all of it can be undone. The
 * server splits its output between sequences, never inside one.
 */

/** These are on in a fresh terminal. */
const onByDefault = new Set(['7', '25']);
const alternateScreens = new Set(['47', '1047', '1049']);

export class TerminalModes {
  readonly #changed = new Map<string, boolean>();
  #isAlternate = false;
  #hasKeyFlags = false;
  #hasKeyModifiers = false;
  #hasCursorShape = false;
  #hasLinks = false;

  /** True if the undo sequence has changed. */
  note(output: string): boolean {
    const before = this.undo();
    // oxlint-disable-next-line no-control-regex -- the sequences themselves
    for (const [, parameters = '', final] of output.matchAll(/\x1b\[\?([\d;]+)([hl])/g)) {
      for (const mode of parameters.split(';')) this.#set(mode, final === 'h');
    }
    /* oxlint-disable no-control-regex -- the sequences themselves */
    this.#hasKeyFlags ||= /\x1b\[[<=>][\d;:]*u/.test(output);
    this.#hasKeyModifiers ||= /\x1b\[>4[;m]/.test(output);
    this.#hasCursorShape ||= /\x1b\[\d* q/.test(output);
    this.#hasLinks ||= /\x1b\]8;/.test(output);
    /* oxlint-enable no-control-regex */
    return this.undo() !== before;
  }

  #set(mode: string, isSet: boolean): void {
    if (alternateScreens.has(mode)) this.#isAlternate = isSet;
    else if (onByDefault.has(mode) === isSet) this.#changed.delete(mode);
    else if (this.#changed.size < 100) this.#changed.set(mode, isSet);
  }

  /** All modes as they were, the cursor in the main screen. */
  undo(): string {
    const keys = this.#hasKeyFlags ? '\x1b[=0;1u' : '';
    return [
      ...[...this.#changed].map(([mode, isSet]) => `\x1b[?${mode}${isSet ? 'l' : 'h'}`),
      keys,
      this.#isAlternate ? `\x1b[r\x1b[?1049l${keys}` : '',
      this.#hasKeyModifiers ? '\x1b[>4m' : '',
      this.#hasCursorShape ? '\x1b[0 q' : '',
      // What is printed afterwards belongs to no link.
      this.#hasLinks ? '\x1b]8;;\x1b\\' : '',
      // Margins, inserting, line ends, keypad, character sets and colours.
      '\x1b7\x1b[r\x1b8\x1b[4;20l\x1b>\x1b(B\x0f\x1b[m',
    ].join('');
  }
}
