/**
 * The lines of a screen as text and control sequences that draw them on blank lines, from the first column on. Blanks
 * keep their background, and a long line stays one line. (xterm's own serializer leaves out lines that are only
 * background, and carries the colours of one screen into the other.)
 */
import type { IBuffer, IBufferCell, IBufferLine } from '@xterm/headless';

/** A cell, or what the next one written will look like. */
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
  | 'isUnderline'
  | 'isBlink'
  | 'isInverse'
  | 'isInvisible'
  | 'isStrikethrough'
  | 'isOverline'
>;

const plain = '\x1b[m';

export function lookOf(cell: Look): string {
  if (cell.isAttributeDefault()) return plain;
  const codes = [
    cell.isBold() && '1',
    cell.isDim() && '2',
    cell.isItalic() && '3',
    cell.isUnderline() && '4',
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

function colour(code: number, value: number, isRgb: boolean, isPalette: boolean): string {
  if (isRgb) return `${code};2;${value >> 16};${(value >> 8) & 0xff};${value & 0xff}`;
  if (!isPalette) return '';
  // The first sixteen are what every terminal knows.
  return value < 8 ? `${code - 8 + value}` : value < 16 ? `${code + 52 + value - 8}` : `${code};5;${value}`;
}

function backgroundOf(cell: IBufferCell): string {
  const background = colour(48, cell.getBgColor(), cell.isBgRGB(), cell.isBgPalette());
  return background === '' ? plain : `\x1b[0;${background}m`;
}

function showsOnBlanks(cell: Look): boolean {
  return Boolean(cell.isUnderline() || cell.isInverse() || cell.isStrikethrough() || cell.isOverline());
}

/** The cell alone, as it is printed. */
export function drawCell(cell: IBufferCell): string {
  return `${lookOf(cell)}${cell.getChars() || ' '}`;
}

/** Begins in the plain look and ends in it. */
export function drawLines(buffer: IBuffer, columns: number): string {
  const scratch = buffer.getNullCell();
  const parts: string[] = [];
  for (let row = 0; row < buffer.length; row += 1) {
    const line = buffer.getLine(row);
    if (!line) break;
    // Behind the last line xterm finds the first one again.
    const next = row + 1 < buffer.length ? buffer.getLine(row + 1) : undefined;
    const goesOn = next?.isWrapped === true;
    drawLine(line, columns, goesOn, scratch, parts);
    if (!goesOn && next) parts.push('\r\n');
  }
  return parts.join('');
}

/** One line in so many columns, however it goes on. */
export function drawRow(line: IBufferLine, columns: number, scratch: IBufferCell): string {
  const parts: string[] = [];
  drawLine(line, columns, false, scratch, parts);
  return parts.join('');
}

function drawLine(line: IBufferLine, columns: number, goesOn: boolean, scratch: IBufferCell, parts: string[]): void {
  let look = plain;
  let blanks = 0;
  // Neighbours mostly look alike; to say so by these two numbers is much of the speed of drawing a screen.
  let known = { fg: -1, bg: -1, look: plain };
  const lookAt = (cell: IBufferCell): string => {
    const { fg = -2, bg = -2 } = cell as { fg?: number; bg?: number };
    if (fg !== known.fg || bg !== known.bg) known = { fg, bg, look: lookOf(cell) };
    return known.look;
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
    // The right half of a wide character.
    if (!cell || cell.getWidth() === 0) continue;
    // Half a wide character cannot be shown.
    const isCut = column + cell.getWidth() > columns;
    const isBlank = isCut || (cell.getChars() === '' && !showsOnBlanks(cell));
    // Only what is printed makes the terminal go on in the next line, and the first cell there.
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
      setLook(lookAt(cell));
      parts.push(cell.getChars() || ' ');
      if (line.isWrapped && column === 0 && look !== plain && columns > 2) {
        // The line that this began took on its colour.
        setLook(plain);
        parts.push('\x1b[K');
      }
    }
  }
  if (blanks > 0 && look !== plain) parts.push(`\x1b[${blanks}X`);
  setLook(plain);
}
