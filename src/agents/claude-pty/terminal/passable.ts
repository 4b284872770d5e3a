/**
 * Which control sequences of a program reach the viewers. What a terminal answers must not: the server's own screen
 * answers once, and a second answer would be typed into the program. The same goes for what a terminal may take as an
 * order to its window, its printer or its other programs.
 */

/** Prefix, intermediates and final byte of the CSI sequences that are answered, or that are no matter of the screen. */
const cutCsi = new Set(
  [
    ['c', '>c', '=c'], // who are you
    ['n', '?n'], // status, cursor position
    ['$p', '?$p'], // is this mode set
    ['>q', '?u', '?m', '?g', '?S'], // version, keyboard protocols, graphics
    ['x', '+x', '*y', '$u', '&u', '$w', "'|", '"v', '#R', '#|'], // other reports
    ['i', '?i'], // the printer
  ].flat(),
);

/** Of the orders to a window only its stack of titles. */
const passedWindowOrders = /^2[23](;|$)/;

/** Modes that a terminal answers to, or in which it speaks another language: reports of its size; VT52. */
const cutModes: Record<string, string> = { '?h': '2048', '?l': '2' };

const passedOsc = new Set(
  '0 1 2 4 5 7 8 9 10 11 12 13 14 15 16 17 18 19 22 52 104 105 110 111 112 113 114 115 116 117 118 119 133 633 777'.split(
    ' ',
  ),
);
/** Of these, a question mark asks. Titles, links and the like may hold one. */
const askingOsc = new Set('4 5 10 11 12 13 14 15 16 17 18 19 22 52'.split(' '));

/** The sequence as viewers get it; empty where they get nothing. `text` is a whole sequence in 7-bit form, one char per byte. */
export function passable(text: string): string {
  switch (text[1]) {
    case '[':
      return passableCsi(text);
    case ']':
      return oscPasses(text.slice(2, text.endsWith('\x07') ? -1 : -2)) ? text : '';
    case 'P':
      // Pictures (sixel). All others ask, or speak to a program behind the terminal.
      return /^[\d;]*q/.test(text.slice(2)) ? text : '';
    case '_':
    case '^':
    case 'X':
    case 'Z':
      return '';
    default:
      return /^[ -/]*[0-~]$/.test(text.slice(1)) ? text : '';
  }
}

/** Whether the beginning of a string that is too long to be held shows already that it may pass. */
export function longStringPasses(start: string): boolean {
  if (start[1] === 'P') return passable(start) !== '';
  return start[1] === ']' && /^\](?:52;[^;]*;[^?]|[012789];|133;|633;|777;)/.test(start.slice(1));
}

function passableCsi(text: string): string {
  const [, prefix = '', parameters = '', intermediates = '', final = ''] =
    /^([<=>?]?)([0-9:;]*)([ -/]*)([@-~])$/.exec(text.slice(2)) ?? [];
  // Every terminal makes something else of a sequence that is not well formed.
  if (final === '') return '';
  const kind = prefix + intermediates + final;
  if (cutCsi.has(kind)) return '';
  if (kind === 't') return passedWindowOrders.test(parameters) ? text : '';
  const cutMode = cutModes[kind];
  if (cutMode === undefined) return text;
  const modes = parameters.split(';');
  const passed = modes.filter((mode) => Number(mode) !== Number(cutMode));
  if (passed.length === modes.length) return text;
  return passed.length === 0 ? '' : `\x1b[?${passed.join(';')}${final}`;
}

function oscPasses(content: string): boolean {
  const code = content.split(';', 1)[0] ?? '';
  // oxlint-disable-next-line no-control-regex -- controls are what this is about
  if (!passedOsc.has(code) || /[\x00-\x1f]/.test(content)) return false;
  return !askingOsc.has(code) || !content.includes('?');
}
