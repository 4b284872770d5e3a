/**
 * What a program has switched on in its terminal that xterm's serializer omits: a redrawn screen needs it so that keys,
 * mouse and cursor behave as the program expects.
 */
import type { Terminal } from '@xterm/headless';

/** Modes that the serializer writes, transient modes, and those that would change the screen itself. */
const otherModes = new Set([
  1, 2, 3, 6, 7, 9, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1047, 1048, 1049, 2004, 2026, 2048,
]);
const modeLimit = 64;
const kittyLimit = 16;

export class ScreenModes {
  readonly #terminal: Terminal;
  /** In the order last set: of two that exclude each other, the later one counts. */
  readonly #modes = new Map<number, boolean>();
  /** The keyboard flags of kitty's protocol; each screen has its own stack. */
  readonly #kitty = { normal: [0], alternate: [0] };
  #keyModifiers = '';
  #cursorShape = '';
  #title = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    const { parser } = terminal;
    const note = (use: (params: number[]) => void) => (params: (number | number[])[]) => {
      use(params.map((each) => (typeof each === 'number' ? each : (each[0] ?? 0))));
      return false;
    };
    parser.registerCsiHandler(
      { prefix: '?', final: 'h' },
      note((modes) => this.#set(modes, true)),
    );
    parser.registerCsiHandler(
      { prefix: '?', final: 'l' },
      note((modes) => this.#set(modes, false)),
    );
    parser.registerCsiHandler(
      { intermediates: ' ', final: 'q' },
      note(([shape = 0]) => {
        this.#cursorShape = shape === 0 ? '' : `\x1b[${shape} q`;
      }),
    );
    parser.registerCsiHandler(
      { prefix: '>', final: 'm' },
      note((given) => {
        this.#keyModifiers = given.length > 1 ? `\x1b[>${given.join(';')}m` : '';
      }),
    );
    parser.registerCsiHandler(
      { prefix: '>', final: 'u' },
      note(([flags = 0]) => {
        const stack = this.#stack();
        stack.push(flags);
        if (stack.length > kittyLimit) stack.shift();
      }),
    );
    parser.registerCsiHandler(
      { prefix: '<', final: 'u' },
      note(([count = 1]) => {
        const stack = this.#stack();
        stack.splice(-Math.max(1, count));
        if (stack.length === 0) stack.push(0);
      }),
    );
    parser.registerCsiHandler(
      { prefix: '=', final: 'u' },
      note(([flags = 0, how = 1]) => {
        const stack = this.#stack();
        const before = stack.pop() ?? 0;
        stack.push(how === 2 ? before | flags : how === 3 ? before & ~flags : flags);
      }),
    );
    parser.registerCsiHandler(
      { intermediates: '!', final: 'p' },
      note(() => this.#modes.delete(25)),
    );
    parser.registerEscHandler({ final: 'c' }, () => {
      this.#reset();
      return false;
    });
    terminal.onTitleChange((title) => (this.#title = title));
  }

  #stack(): number[] {
    return this.#kitty[this.#terminal.buffer.active.type];
  }

  #set(modes: number[], isSet: boolean): void {
    for (const mode of modes) {
      if (otherModes.has(mode)) continue;
      this.#modes.delete(mode);
      if (this.#modes.size < modeLimit) this.#modes.set(mode, isSet);
    }
  }

  #reset(): void {
    this.#modes.clear();
    this.#kitty.normal = [0];
    this.#kitty.alternate = [0];
    this.#keyModifiers = this.#cursorShape = this.#title = '';
  }

  /** The sequences that set all this on a blank terminal. */
  redraw(): string {
    const flags = this.#stack().at(-1) ?? 0;
    return [
      ...[...this.#modes].map(([mode, isSet]) => `\x1b[?${mode}${isSet ? 'h' : 'l'}`),
      this.#keyModifiers,
      flags === 0 ? '' : `\x1b[=${flags};1u`,
      this.#cursorShape,
      // oxlint-disable-next-line no-control-regex -- a title ends where a control is
      this.#title === '' ? '' : `\x1b]2;${this.#title.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '')}\x1b\\`,
    ].join('');
  }
}
