/**
 * The lines of a screen as text and control sequences that draw them on blank lines, from the first column on. Blanks
 * keep their background, and a long line stays one line. (xterm's own serializer omits lines that are only background,
 * and carries the colours of one screen into the other.)
 */
import type { IBuffer, IBufferCell, IBufferLine, Terminal } from '@xterm/headless';
import { isUnseen, mayJoin } from '../protocol/cell-widths.ts';

/** A cell, or how the next one written will look. */
export type Look = Pick<
  IBufferCell,
  | 'isAttributeDefault'
  | 'isFgRGB'
  | 'isFgPalette'
  | 'getFgColor'
  | 'isBgRGB'
  | 'isBgPalette'
  | 'getBgColor'
  | 'isBold'
  | 'isDim'
  | 'isItalic'
  | 'isBlink'
  | 'isInverse'
  | 'isInvisible'
  | 'isStrikethrough'
  | 'isOverline'
>;

/** What xterm does not expose about a cell: how it is underlined, and which link it belongs to. */
interface XtermCell {
  fg: number;
  bg: number;
  extended?: { _ext: number; urlId: number; underlineColor: number };
}

interface XtermLinks {
  _core: { _oscLinkService: { getLinkData(id: number): { id?: string; uri: string } | undefined } };
}

const underlined = 0x10000000;
const hasExtended = 0x10000000;
/** Unlike xterm's own value, which counts every link as underlined. */
const isUnderlined = (cell: Look): boolean => ((cell as unknown as XtermCell).fg & underlined) !== 0;
function extendedOf(cell: Look): XtermCell['extended'] {
  const { bg, extended } = cell as unknown as XtermCell;
  return bg & hasExtended ? extended : undefined;
}

/** The sequence that starts a cell's link; empty if it has none. */
export type LinkOf = (cell: Look) => string;

export function linksOf(terminal: Terminal): LinkOf {
  const links = (terminal as unknown as XtermLinks)._core._oscLinkService;
  return (cell) => {
    const urlId = extendedOf(cell)?.urlId ?? 0;
    const link = urlId === 0 ? undefined : links.getLinkData(urlId);
    if (!link) return '';
    return `\x1b]8;${link.id === undefined ? '' : `id=${link.id}`};${link.uri}\x1b\\`;
  };
}

export const endOfLink = '\x1b]8;;\x1b\\';
const plain = '\x1b[m';

export function lookOf(cell: Look): string {
  if (cell.isAttributeDefault()) return plain;
  const codes = [
    cell.isBold() && '1',
    cell.isDim() && '2',
    cell.isItalic() && '3',
    isUnderlined(cell) && underline(cell),
    cell.isBlink() && '5',
    cell.isInverse() && '7',
    cell.isInvisible() && '8',
    cell.isStrikethrough() && '9',
    cell.isOverline() && '53',
    colour(38, cell.getFgColor(), cell.isFgRGB(), cell.isFgPalette()),
    colour(48, cell.getBgColor(), cell.isBgRGB(), cell.isBgPalette()),
  ];
  return `\x1b[0;${codes.filter(Boolean).join(';')}m`;
}

function underline(cell: Look): string {
  const extended = extendedOf(cell);
  const style = ((extended?._ext ?? 0) >> 26) & 7;
  const color = extended?.underlineColor ?? 0;
  const kind = (color >> 24) & 3;
  // With colons, because a terminal that does not know these would interpret the numbers as other attributes.
  const own =
    kind === 3 ? `;58:2::${(color >> 16) & 0xff}:${(color >> 8) & 0xff}:${color & 0xff}` : `;58:5:${color & 0xff}`;
  return `${style > 1 ? `4:${style}` : '4'}${kind === 0 ? '' : own}`;
}

function colour(code: number, value: number, isRgb: boolean, isPalette: boolean): string {
  if (isRgb) return `${code};2;${value >> 16};${(value >> 8) & 0xff};${value & 0xff}`;
  if (!isPalette) return '';
  // Every terminal knows the first sixteen.
  return value < 8 ? `${code - 8 + value}` : value < 16 ? `${code + 52 + value - 8}` : `${code};5;${value}`;
}

function backgroundOf(cell: IBufferCell): string {
  const background = colour(48, cell.getBgColor(), cell.isBgRGB(), cell.isBgPalette());
  return background === '' ? plain : `\x1b[0;${background}m`;
}

function showsOnBlanks(cell: Look, linkOf: LinkOf): boolean {
  return Boolean(
    isUnderlined(cell) || linkOf(cell) !== '' || cell.isInverse() || cell.isStrikethrough() || cell.isOverline(),
  );
}

/** The cell alone, as printed, with its look and link, which stay active. */
export function drawCell(cell: IBufferCell, linkOf: LinkOf): string {
  return `${lookOf(cell)}${linkOf(cell)}${textOf(cell.getChars())}`;
}

/** Marks that arrived in an empty cell are drawn on a blank. */
const textOf = (chars: string): string => (chars === '' || isUnseen(chars) ? ` ${chars}` : chars);

/** Starts and ends in the plain look. */
export function drawLines(buffer: IBuffer, columns: number, linkOf: LinkOf): string {
  const scratch = buffer.getNullCell();
  const parts: string[] = [];
  for (let row = 0; row < buffer.length; row += 1) {
    const line = buffer.getLine(row);
    if (!line) break;
    // After the last line xterm finds the first one again.
    const next = row + 1 < buffer.length ? buffer.getLine(row + 1) : undefined;
    const goesOn = next?.isWrapped === true;
    drawLine(line, { columns, goesOn, scratch, linkOf }, parts);
    if (!goesOn && next) parts.push('\r\n');
  }
  return parts.join('');
}

/** One line in this many columns, however it continues. */
export function drawRow(line: IBufferLine, columns: number, scratch: IBufferCell, linkOf: LinkOf): string {
  const parts: string[] = [];
  drawLine(line, { columns, goesOn: false, scratch, linkOf }, parts);
  return parts.join('');
}

interface LineOptions {
  columns: number;
  goesOn: boolean;
  scratch: IBufferCell;
  linkOf: LinkOf;
}

function drawLine(line: IBufferLine, { columns, goesOn, scratch, linkOf }: LineOptions, parts: string[]): void {
  let look = plain;
  let link = '';
  let blanks = 0;
  // Neighbours mostly look alike; checking that with these two numbers makes drawing a screen much faster.
  let known = { fg: -1, bg: -1, extended: extendedOf(scratch), look: plain, link: '' };
  const draws = (cell: IBufferCell): typeof known => {
    const { fg, bg } = cell as unknown as XtermCell;
    const extended = extendedOf(cell);
    if (fg === known.fg && bg === known.bg && extended === known.extended) return known;
    return (known = { fg, bg, extended, look: lookOf(cell), link: linkOf(cell) });
  };
  const setLink = (wanted: string): void => {
    if (wanted !== link) parts.push(wanted === '' ? endOfLink : wanted);
    link = wanted;
  };
  const setLook = (wanted: string): void => {
    if (wanted !== look) parts.push((look = wanted));
  };
  const skipBlanks = (): void => {
    if (blanks === 0) return;
    parts.push(look === plain ? `\x1b[${blanks}C` : `\x1b[${blanks}X\x1b[${blanks}C`);
    blanks = 0;
  };
  for (let column = 0; column < columns; column += 1) {
    const cell = line.getCell(column, scratch);
    if (!cell) continue;
    const chars = cell.getChars();
    // The right half of a wide character. A visible character without width is a mark in an empty line.
    if (cell.getWidth() === 0 && chars === '') continue;
    const isAlone = cell.getWidth() === 0;
    // Half a wide character cannot be shown.
    const isCut = column + cell.getWidth() > columns;
    const isBlank = isCut || (isAlone && column > 0) || (chars === '' && !showsOnBlanks(cell, linkOf));
    // Only printing makes the terminal continue in the next line, and in its first cell.
    const mustPrint = goesOn || (line.isWrapped && column === 0);
    if (isBlank && !mustPrint) {
      const wanted = cell.isBgDefault() ? plain : backgroundOf(cell);
      if (wanted !== look) {
        skipBlanks();
        setLook(wanted);
      }
      blanks += 1;
    } else {
      skipBlanks();
      const { look: wanted, link: wantedLink } = draws(cell);
      setLook(wanted);
      setLink(wantedLink);
      // A character with its own cell must not join the previous one.
      if (mayJoin(chars)) parts.push(look);
      parts.push(isAlone ? chars : textOf(chars));
      if (line.isWrapped && column === 0 && look !== plain && columns > 2) {
        // The new line took on its colour.
        setLook(plain);
        parts.push('\x1b[K');
      }
    }
  }
  setLink('');
  if (blanks > 0 && look !== plain) parts.push(`\x1b[${blanks}X`);
  setLook(plain);
}
