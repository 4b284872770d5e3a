/**
 * A whole terminal as text and control sequences that reproduce it on a blank one of the same size: both screens,
 * scrollback, modes, margins, character sets, the saved position and the cursor. xterm does not expose some of this;
 * the tests of `terminal-screen.ts` fail if a later version stores it elsewhere.
 */
import type { Terminal } from '@xterm/headless';
import { drawCell, drawLines, endOfLink, linksOf, type Look, lookOf } from './draw-lines.ts';

interface XtermBuffer {
  x: number;
  y: number;
  scrollTop: number;
  scrollBottom: number;
  savedX: number;
  savedY: number;
  savedCurAttrData: Look;
}

interface XtermCore {
  buffer: XtermBuffer;
  _bufferService: { buffers: { normal: XtermBuffer } };
  _inputHandler: { _curAttrData: Look; _parser: { precedingJoinState: number } };
  _charsetService: { glevel: number; _charsets: (Record<string, string> | undefined)[] };
}

const to = (column: number, row: number): string => `\x1b[${row + 1};${column + 1}H`;

/** `modes` is what else to switch on, beyond what xterm itself reports. */
export function drawScreen(terminal: Terminal, modes: string): string {
  const core = (terminal as unknown as { _core: XtermCore })._core;
  const { cols, buffer } = terminal;
  const linkOf = linksOf(terminal);
  let text = drawLines(buffer.normal, cols, linkOf);
  if (buffer.active.type === 'alternate') {
    // Where the program will continue when it leaves the alternate screen. That is cleared again, because it took on
    // the colours.
    const { savedX, savedY, savedCurAttrData } = core._bufferService.buffers.normal;
    text += `${to(Math.min(savedX, cols - 1), savedY)}${lookOf(savedCurAttrData)}\x1b[?1049h\x1b[m\x1b[2J\x1b[H`;
    text += drawLines(buffer.alternate, cols, linkOf);
  }
  text += modes + place(terminal, core) + ownModes(terminal) + charsets(core);
  return text + lastCharacter(terminal, core);
}

/** The cursor's position as a program would give it: within the margins in origin mode. */
function rowOf(terminal: Terminal, { y, scrollTop }: XtermBuffer): number {
  return y - (terminal.modes.originMode ? scrollTop : 0);
}

/** What follows may join the last character written, but only directly after it. */
function lastCharacter(terminal: Terminal, core: XtermCore): string {
  const { _curAttrData: look, _parser: parser } = core._inputHandler;
  const width = (parser.precedingJoinState >> 1) & 3;
  const column = core.buffer.x - width;
  if (width === 0 || column < 0 || terminal.modes.insertMode) return '';
  const { active } = terminal.buffer;
  const cell = active.getLine(active.baseY + core.buffer.y)?.getCell(column);
  if (!cell || cell.getChars() === '' || cell.getWidth() !== width || lookOf(cell) !== lookOf(look)) return '';
  return to(column, rowOf(terminal, core.buffer)) + cell.getChars();
}

/** The margins, the saved position and the cursor, with the look of what it writes next. */
function place(terminal: Terminal, core: XtermCore): string {
  const { x, y, scrollTop, scrollBottom, savedX, savedY, savedCurAttrData } = core.buffer;
  const linkOf = linksOf(terminal);
  const { cols, rows } = terminal;
  let text = '';
  if (scrollTop !== 0 || scrollBottom !== rows - 1) text += `\x1b[${scrollTop + 1};${scrollBottom + 1}r`;
  if (savedX !== 0 || savedY !== 0) text += `${to(Math.min(savedX, cols - 1), savedY)}${lookOf(savedCurAttrData)}\x1b7`;
  // Setting this puts the cursor home; from then on it is placed within the margins.
  const row = rowOf(terminal, core.buffer);
  if (terminal.modes.originMode) text += '\x1b[?6h';
  if (x < cols) text += to(x, row);
  else {
    // Only writing moves it past the last column.
    const line = terminal.buffer.active.getLine(terminal.buffer.active.baseY + y);
    const last = line?.getCell(cols - 1);
    const isHalf = last?.getWidth() === 0;
    const cell = isHalf ? line?.getCell(cols - 2) : last;
    text += `${to(cols - (isHalf ? 2 : 1), row)}${cell ? drawCell(cell, linkOf) + endOfLink : ''}`;
  }
  const next = core._inputHandler._curAttrData;
  return text + lookOf(next) + linkOf(next);
}

const mouseModes = { none: '', x10: '\x1b[?9h', vt200: '\x1b[?1000h', drag: '\x1b[?1002h', any: '\x1b[?1003h' };

function ownModes({ modes, options }: Terminal): string {
  return [
    modes.applicationCursorKeysMode && '\x1b[?1h',
    modes.applicationKeypadMode && '\x1b=',
    modes.bracketedPasteMode && '\x1b[?2004h',
    modes.sendFocusMode && '\x1b[?1004h',
    modes.reverseWraparoundMode && '\x1b[?45h',
    modes.insertMode && '\x1b[4h',
    !modes.wraparoundMode && '\x1b[?7l',
    options.convertEol === true && '\x1b[20h',
    mouseModes[modes.mouseTrackingMode],
  ]
    .filter(Boolean)
    .join('');
}

function charsets({ _charsetService: { glevel, _charsets } }: XtermCore): string {
  const designated = _charsets.map((charset, at) => (charset?.['q'] === '─' ? `\x1b${'()*+'[at] ?? '('}0` : ''));
  return designated.join('') + (glevel === 1 ? '\x0e' : '');
}
