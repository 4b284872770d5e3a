import xterm from '@xterm/headless';
import type { IBuffer, IBufferCell, Terminal } from '@xterm/headless';
import { afterEach, describe, expect, it } from 'vitest';
import { useCellWidths } from '../protocol/cell-widths.ts';
import { randomOf } from '../../test/support/random.ts';
import { wideTexts } from '../../test/support/wide-texts.ts';
import { OutputFilter } from './output-filter.ts';
import { TerminalScreen } from './terminal-screen.ts';

const size = { columns: 20, rows: 8 };
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** A viewer's terminal. */
function viewer(): Terminal {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, scrollback: 30, allowProposedApi: true });
  useCellWidths(terminal);
  open.push({ close: () => terminal.dispose() });
  return terminal;
}

function screen(answer: (data: string) => void = () => undefined): TerminalScreen {
  const made = new TerminalScreen({ size, scrollbackLines: 30, answer });
  open.push(made);
  return made;
}

const write = (terminal: Terminal, text: string): Promise<void> => new Promise((done) => terminal.write(text, done));
const show = (on: TerminalScreen, text: string): Promise<void> =>
  new Promise((done) => on.write(Buffer.from(text), done));

/** Everything about a terminal that a person or a program could notice. */
function stateOf(terminal: Terminal): object {
  const core = (terminal as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
  const { cursorX, cursorY } = terminal.buffer.active;
  return {
    active: terminal.buffer.active.type,
    cursor: [Math.min(cursorX, size.columns - 1), cursorY],
    isCursorHidden: core.coreService.isCursorHidden,
    modes: terminal.modes,
    normal: linesOf(terminal, terminal.buffer.normal),
    alternate: terminal.buffer.active.type === 'alternate' ? linesOf(terminal, terminal.buffer.alternate) : [],
  };
}

interface XtermCell {
  fg: number;
  bg: number;
  extended: { _ext: number; urlId: number; underlineColor: number };
}
interface XtermLinks {
  _core: { _oscLinkService: { getLinkData(id: number): { id?: string; uri: string } | undefined } };
}

/** A cell's underline and link, which xterm keeps private; empty if it has neither. */
function underneath(terminal: Terminal, cell: IBufferCell): string {
  const { fg, bg, extended } = cell as unknown as XtermCell;
  const own = bg & 0x10000000 ? extended : undefined;
  const links = (terminal as unknown as XtermLinks)._core._oscLinkService;
  const link = own && links.getLinkData(own.urlId);
  const colour = own?.underlineColor ?? 0;
  // With a palette index, bits of older colours remain.
  const seen = colour >> 24 === 3 ? colour : colour & 0x30000ff;
  const line = fg & 0x10000000 ? [((own?._ext ?? 0) >> 26) & 7 || 1, seen] : [];
  return [...line, ...(link ? [link.id, link.uri] : [])].join();
}

const startsWithMark = /^[\p{M}\u200d]/u;

function linesOf(terminal: Terminal, buffer: IBuffer): string[] {
  const lines = Array.from({ length: buffer.length }, (_, row) => {
    const line = buffer.getLine(row)!;
    let text = '';
    for (let column = 0; column < size.columns; column += 1) {
      const cell = line.getCell(column)!;
      // A mark on an empty cell looks like one on a blank.
      const isHalf = column > 0 && cell.getWidth() === 0;
      const own = isHalf ? '' : cell.getChars();
      const chars = own === '' || startsWithMark.test(own) ? ` ${own}` : own;
      const look = [
        [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()],
        [cell.isBold(), cell.isItalic(), cell.isInverse(), cell.isDim()].map((is) => (is ? 1 : 0)),
      ].flat();
      // An empty cell looks like a blank: only its background is visible.
      const seen = chars === ' ' ? [cell.getBgColorMode(), cell.getBgColor(), Boolean(cell.isInverse())] : look;
      if (!isHalf) text += underneath(terminal, cell);
      text += chars + (seen.some((value) => value !== 0 && value !== -1 && value !== false) ? `<${seen.join()}>` : '');
    }
    return text.trimEnd();
  });
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

/** A blank terminal with the screen drawn on it, as viewers get it. */
async function redrawn(from: TerminalScreen): Promise<Terminal> {
  const terminal = viewer();
  await write(terminal, Buffer.from(new OutputFilter().push(Buffer.from(from.redraw())).viewers).toString());
  return terminal;
}

describe('TERM-2: a redrawn screen', () => {
  const programs: [string, string][] = [
    ['of a shell', 'one\r\ntwo\r\n$ '],
    ['that has scrolled', Array.from({ length: 25 }, (_, at) => `line ${at}\r\n`).join('')],
    ['with wide and combined characters', '漢字かな 👩‍👩‍👧 e\u0301\r\nnext'],
    ['of a program on the alternate screen', 'before\r\n\x1b[44m\x1b[?1049h\x1b[2J\x1b[3;5H\x1b[31mred\x1b[6;2H'],
    ['with keys and mouse switched over', '\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h'],
    ['with a hidden cursor', '\x1b[?25lhidden\x1b[4;4H'],
    ['with the cursor at the edge', 'x'.repeat(size.columns)],
    ['with colours behind blanks', '\x1b[41m\x1b[2K\x1b[m text \x1b[42m   \x1b[K\r\n\x1b[m'],
    ['with long lines', 'y'.repeat(size.columns * 2 + 5)],
    ['that is blank with the cursor in its middle', '\x1b[5;9H'],
    ['TERM-11: with emoji', wideTexts.map(([text]) => `${text};`).join('')],
    ['TERM-11: with parts of emoji that stand apart', '🇩\x1b[m🇪x👍\x1b[m🏽\x1b[1;9H❤\x1b[m\ufe0f\x1b[3;5H\u0301'],
    [
      'TERM-11: with underlines of all kinds',
      '\x1b[4mone\x1b[4:2mtwo\x1b[4:3mcurly \x1b[58:2::1:2:3mred\x1b[58:5:9mnine\x1b[4:4m\x1b[0;58:5:3;4:5mdash\x1b[4:3m',
    ],
    [
      'TERM-11: with links',
      'see \x1b]8;;https://a.example/?a=1;b\x1b\\here\x1b]8;id=x;https://b.example\x07 or there, in a long line\x1b[4:3mand\x1b[m\r\nmore\x1b]8;;\x07 not \x1b]8;;mailto:a@b.example\x1b\\',
    ],
  ];
  const later = 'more\x1b[31m text\r\n\x1b[A\x1b[2Cxy\x1b[?1049lz';

  it.each(programs)('%s equals the original, and continues like it', async (_name, text) => {
    const mine = screen();
    const original = viewer();
    await Promise.all([show(mine, text), write(original, text)]);
    const copy = await redrawn(mine);
    expect(stateOf(copy)).toEqual(stateOf(original));
    await Promise.all([write(copy, later), write(original, later)]);
    expect(stateOf(copy)).toEqual(stateOf(original));
  });

  it.each([
    ['margins', '\x1b[3;6r\x1b[6;1Hlast', '\nscrolled\n\n'],
    ['origin mode', '\x1b[3;6r\x1b[?6h\x1b[2;3H', 'here\x1b[Hthere'],
    ['the saved place', '\x1b[4;7H\x1b7\x1b[1;1H', 'a\x1b8b'],
    ['line drawing', '\x1b(0', 'lqqk'],
    ['line drawing shifted to', '\x1b)0\x0e', 'lqqk\x0flqqk'],
    ['insert mode', 'abc\x1b[1;2H\x1b[4h', 'xx'],
    ['no wrapping', '\x1b[?7l', 'z'.repeat(size.columns + 5)],
  ])('preserves %s, as later output shows', async (_name, text, next) => {
    const mine = screen();
    const original = viewer();
    await Promise.all([show(mine, text), write(original, text)]);
    const copy = await redrawn(mine);
    await Promise.all([write(copy, next), write(original, next)]);
    expect(stateOf(copy)).toEqual(stateOf(original));
  });

  it.each(wideTexts.filter(([text]) => text.length > 1))('TERM-11: continues in the middle of %j', async (text) => {
    const characters = Array.from(text);
    for (let cut = 1; cut < characters.length; cut += 1) {
      const mine = screen();
      const original = viewer();
      const [start, rest] = [characters.slice(0, cut).join(''), `${characters.slice(cut).join('')};\x1b[b`];
      await Promise.all([show(mine, start), write(original, start)]);
      const copy = await redrawn(mine);
      await Promise.all([write(copy, rest), write(original, rest)]);
      expect(stateOf(copy)).toEqual(stateOf(original));
    }
  });

  it('TERM-11 TERM-9: only has links to web pages and email addresses', async () => {
    const mine = screen();
    await show(mine, '\x1b]8;;https://a.example\x1b\\a\x1b]8;;file:///etc\x1b\\b\x1b]8;;vscode://x\x1b\\c');
    const copy = await redrawn(mine);
    const line = copy.buffer.active.getLine(0)!;
    expect([0, 1, 2].map((column) => underneath(copy, line.getCell(column)!))).toEqual([',https://a.example', '', '']);
  });

  it('includes modes that xterm does not know, until a reset', async () => {
    const mine = screen();
    await show(mine, '\x1b[?1006h\x1b[?1016h\x1b[?1016l\x1b[>1u\x1b[>5u\x1b[<u\x1b[>4;2m\x1b[5 q\x1b]2;the title\x07');
    const text = mine.redraw();
    for (const part of [
      '\x1b[?1006h',
      '\x1b[?1016l',
      '\x1b[=1;1u',
      '\x1b[>4;2m',
      '\x1b[5 q',
      '\x1b]2;the title\x1b\\',
    ]) {
      expect(text).toContain(part);
    }
    await show(mine, '\x1bc');
    expect(mine.redraw()).toBe(screen().redraw());
  });

  it('equals the original after any output', async () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomOf(seed);
      const text = randomOutput(random, 60);
      const mine = screen();
      const original = viewer();
      await Promise.all([show(mine, text), write(original, text)]);
      const copy = await redrawn(mine);
      expect({ seed, text, ...stateOf(copy) }).toEqual({ seed, text, ...stateOf(original) });
    }
  });
});

function randomOutput(random: () => number, steps: number): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  const one = (choices: readonly string[]): string => choices[below(choices.length)]!;
  let text = '';
  for (let step = 0; step < steps; step += 1) {
    text += one([
      one([
        'word ',
        'Ünï',
        '漢字',
        'x'.repeat(below(30)),
        '👍',
        '🇩🇪',
        '❤',
        '\ufe0f',
        '👨‍',
        '👩',
        '\u0301',
        '1',
        '\u20e3',
      ]),
      '\r\n',
      `\x1b[${1 + below(size.rows)};${1 + below(size.columns)}H`,
      `\x1b[${one(['0', '1', '4', '7', '31', '42', '38;5;200', '48;2;1;2;3', '39', '49', '22', '4:3', '58:5:7', '24'])}m`,
      `\x1b]8;;${one(['', '', 'https://a.example', 'mailto:b@example'])}\x1b\\`,
      one(['\x1b[K', '\x1b[1K', '\x1b[J', '\x1b[2J', '\x1b[3X', '\x1b[2P', '\x1b[2@', '\x1b[L', '\x1b[M']),
      one(['\x1b[?1049h', '\x1b[?1049l', '\x1b[?25l', '\x1b[?25h', '\x1b[?2004h', '\x1b[?1h', '\x1b[?1l']),
      one(['\x1b[A', '\x1b[2B', '\x1b[3C', '\x1b[D', '\b', '\t', '\r']),
    ]);
  }
  return text;
}

describe('TERM-3: what the server’s own screen answers', () => {
  it.each([
    ['DA1', '\x1b[c', '\x1b[?1;2c'],
    ['DA2', '\x1b[>c', '\x1b[>0;276;0c'],
    ['DA3', '\x1b[=c', '\x1bP!|00000000\x1b\\'],
    ['DSR 5', '\x1b[5n', '\x1b[0n'],
    ['DSR 6, at that very place', 'ab\x1b[6ncd', '\x1b[1;3R'],
    ['DSR ?6', '\x1b[3;4H\x1b[?6n', '\x1b[?3;4R'],
    ['DECRQM', '\x1b[?2004h\x1b[?2004$p', '\x1b[?2004;1$y'],
    ['DECRQM of what it does not know', '\x1b[?2048$p', '\x1b[?2048;0$y'],
    ['XTVERSION', '\x1b[>q', '\x1bP>|BooCode\x1b\\'],
    ['DECRQSS', '\x1bP$qr\x1b\\', `\x1bP1$r1;${size.rows}r\x1b\\`],
    ['XTGETTCAP', '\x1bP+q544e\x1b\\', '\x1bP0+r\x1b\\'],
    ['the size in characters', '\x1b[18t', `\x1b[8;${size.rows};${size.columns}t`],
  ])('%s', async (_name, question, answer) => {
    const answers: string[] = [];
    await show(
      screen((data) => answers.push(data)),
      question,
    );
    expect(answers.join('')).toBe(answer);
  });

  it.each([
    ['the keyboard protocol', '\x1b[?u'],
    ['colours', '\x1b]11;?\x07\x1b]4;1;?\x07'],
    ['the clipboard', '\x1b]52;c;?\x07'],
    ['the title', '\x1b]2;echo hello\x07\x1b[21t'],
    ['ENQ', '\x05'],
  ])('nothing about %s, which it does not know or must not reveal', async (_name, question) => {
    const answers: string[] = [];
    await show(
      screen((data) => answers.push(data)),
      question,
    );
    expect(answers).toEqual([]);
  });
});
