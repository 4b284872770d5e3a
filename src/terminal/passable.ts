/**
 * Which of a program's control sequences reach the viewers: those that draw, and those that control how keys, mouse and
 * pastes are reported. This is an allow-list; everything else stops here, known or not.
 *
 * Queries must not pass, because the server's own screen answers once, and a second answer would be typed into the
 * program. Nor may anything that affects more than the screen: the clipboard, notifications, the window and its title,
 * the printer, the palette, files, keyboard settings, a program around the terminal. What an agent prints may have been
 * written by a stranger.
 */
import { isUtf8 } from 'node:buffer';

/** What a setting may allow beyond that. */
export type Passthrough = 'clipboard' | 'notifications' | 'titles';

/** Final bytes of CSI sequences without a prefix and intermediates. */
const passedCsi = new Set('@ABCDEFGHIJKLMPSTXZ`abdefgmrsu');
/** Prefix, intermediates and final byte of others. */
const otherCsi = new Set(
  [
    ['?J', '?K', '"q'], // erasing all but what is protected
    [' @', ' A', "'}", "'~"], // columns
    ['>u', '<u', '=u'], // the keyboard protocol
    ['!p', ' q'], // soft reset, the cursor's shape
  ].flat(),
);
/** With more parameters than that, these mean something else: mouse highlighting, left and right margins. */
const parameterLimits: Record<string, number> = { T: 1, s: 0, u: 0 };

const passedModes = new Set(['4', '20']);
const passedPrivateModes = new Set(
  [
    ['1', '5', '6', '7', '12', '25', '45', '66', '2004', '2026'], // keys, wrapping, cursor, pastes, synchronized drawing
    ['9', '1000', '1002', '1003', '1004', '1005', '1006', '1007', '1015', '1016'], // mouse and focus
    ['47', '1047', '1048', '1049'], // the alternate screen
  ].flat(),
);

/** Saved cursor, keypad, lines, tabs, resets, character sets. Not those that leave UTF-8 or request 8-bit answers. */
const passedEscape = /^(?:[78=>cDEHMNOno|}~]|[()*+\-./]["%&!]?[0-~]|#[34568])$/;

/** The sequence for viewers; empty if they get nothing. `text` is a whole sequence in 7-bit form, one char per byte. */
export function passable(text: string, allowed: ReadonlySet<Passthrough>): string {
  if (text[1] === '[') return passableCsi(text, allowed);
  if (text[1] === ']') return passableOsc(text, allowed);
  return passedEscape.test(text.slice(1)) ? text : '';
}

function passableCsi(text: string, allowed: ReadonlySet<Passthrough>): string {
  const [, prefix = '', parameters = '', intermediates = '', final = ''] =
    /^([<=>?]?)([0-9:;]*)([ -/]*)([@-~])$/.exec(text.slice(2)) ?? [];
  const kind = prefix + intermediates + final;
  switch (kind) {
    case 'h':
    case 'l':
      return onlyModes(parameters, passedModes, '', final);
    case '?h':
    case '?l':
      return onlyModes(parameters, passedPrivateModes, '?', final);
    case '>m':
      // The modifiers of other keys; per-key settings would outlive the program.
      return /^4(;|$)/.test(parameters) ? text : '';
    case 't':
      // Of the window operations, only its title stack.
      return allowed.has('titles') && /^2[23](;|$)/.test(parameters) ? text : '';
    default: {
      const count = parameters === '' ? 0 : parameters.split(';').length;
      if (count > (parameterLimits[kind] ?? Infinity)) return '';
      return passedCsi.has(kind) || otherCsi.has(kind) ? text : '';
    }
  }
}

function onlyModes(parameters: string, passed: ReadonlySet<string>, prefix: string, final: string): string {
  const modes = parameters.split(';').filter((mode) => passed.has(mode.replace(/^0+(?=.)/, '')));
  return modes.length === 0 ? '' : `\x1b[${prefix}${modes.join(';')}${final}`;
}

const endOfLink = '\x1b]8;;\x1b\\';
/** A click on it leads to a web page or mail address, and starts no other program. */
const safeLink = /^8;[^;]*;(?:$|(?:https?:\/\/|mailto:))/i;

function passableOsc(text: string, allowed: ReadonlySet<Passthrough>): string {
  const bytes = Buffer.from(text.slice(2, text.endsWith('\x07') ? -1 : -2), 'latin1');
  const content = bytes.toString();
  // Terminals differ in what ends a string: it must contain nothing that could.
  if (!isUtf8(bytes) || /\p{Cc}/u.test(content)) return '';
  // The following text must not belong to the previous link.
  if (content.startsWith('8;')) return safeLink.test(content) ? text : endOfLink;
  return [...allowed].some((name) => passthroughs[name](content)) ? text : '';
}

/** None of these requests an answer. */
const passthroughs: Record<Passthrough, (content: string) => boolean> = {
  // To set it, not to read it.
  clipboard: (content) => /^52;[cpqs0-7]*;[A-Za-z0-9+/=]*$/.test(content),
  // Text, or progress. Other numbers are commands to some terminals, including to start a program.
  notifications: (content) =>
    /^9;(?:4;\d(?:;\d+)?$|(?!\d+(?:;|$)).)/.test(content) ||
    content.startsWith('777;notify;') ||
    /^99;(?:(?:[di]=[\w.+-]*|p=(?:title|body))(?::|(?=;)))*;/.test(content),
  titles: (content) => /^[012];/.test(content),
};

/** The start of a string that may be longer than others. */
export function isClipboard(start: string): boolean {
  return start.startsWith('\x1b]52;');
}
