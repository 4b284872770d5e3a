import { describe, expect, it } from 'vitest';
import { heldBytes, QueryFilter } from './query-filter.ts';

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
/** One char per byte where it is not above U+00FF, else UTF-8. */
const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** What comes out of the given pieces, for the viewers and for the screen. */
function filtered(...pieces: (string | Uint8Array)[]): { viewers: string; screen: string } {
  const filter = new QueryFilter();
  const out = pieces.map((piece) => filter.push(typeof piece === 'string' ? bytes(piece) : piece));
  return {
    viewers: Buffer.concat(out.map((each) => each.viewers)).toString('utf8'),
    screen: Buffer.concat(out.map((each) => each.screen)).toString('utf8'),
  };
}

const st = '\x1b\\';
const questions: [string, string][] = [
  ['DA1', '\x1b[c'],
  ['DA1 with a parameter', '\x1b[0c'],
  ['DA2', '\x1b[>c'],
  ['DA3', '\x1b[=0c'],
  ['DECID', '\x1bZ'],
  ['ENQ', '\x05'],
  ['DSR 5', '\x1b[5n'],
  ['DSR 6', '\x1b[6n'],
  ['DSR ?6', '\x1b[?6n'],
  ['the colour scheme', '\x1b[?996n'],
  ['DECRQM', '\x1b[4$p'],
  ['DECRQM of a private mode', '\x1b[?2026$p'],
  ['XTVERSION', '\x1b[>0q'],
  ['the keyboard protocol', '\x1b[?u'],
  ['the key modifiers', '\x1b[?4m'],
  ['DECREQTPARM', '\x1b[x'],
  ['a checksum', '\x1b[1;1;1;1;5;5*y'],
  ['graphics', '\x1b[?1;1;0S'],
  ['the window’s size', '\x1b[18t'],
  ['the window’s title', '\x1b[21t'],
  ['OSC 4', `\x1b]4;1;?\x07`],
  ['OSC 10 and 11 in one', `\x1b]10;?;?${st}`],
  ['OSC 11', `\x1b]11;?${st}`],
  ['OSC 12', '\x1b]12;?\x07'],
  ['the clipboard', '\x1b]52;c;?\x07'],
  ['a cell’s size', '\x1b]1337;ReportCellSize\x07'],
  ['DECRQSS', `\x1bP$qm${st}`],
  ['XTGETTCAP', `\x1bP+q544e${st}`],
  ['a graphics protocol', `\x1b_Gi=31,s=1,v=1,a=q;AAAA${st}`],
  ['DA1 in its 8-bit form', '\u009bc'],
  ['OSC 11 in its 8-bit form', '\u009d11;?\u009c'],
  ['DA1 hidden in what passes to a terminal behind', `\x1bPtmux;\x1b\x1b[c${st}`],
  ['DA1 around a line feed', '\x1b[\nc'],
  ['reports of the size', '\x1b[?2048h'],
  ['the order to resize the window', '\x1b[8;50;132t'],
];

describe('TERM-3: what a terminal would answer', () => {
  it.each(questions)('%s is seen by the screen and not by viewers, however it is cut', (_name, question) => {
    const text = `a${question}b`;
    const whole = bytes(text);
    const left = filtered(text).viewers;
    expect(left.startsWith('a') && left.endsWith('b')).toBe(true);
    // At most the rest of a sequence that was cut out as malformed is left, as plain text, and an end without a beginning.
    expect(left.slice(1, -1).replaceAll(st, '')).toMatch(/^[ -~]*$/);
    expect(filtered(text).screen).toBe(text);
    for (let at = 1; at < whole.length; at += 1) {
      expect(filtered(whole.subarray(0, at), whole.subarray(at))).toEqual({ viewers: left, screen: text });
    }
    expect(filtered(...[...whole].map((byte) => Uint8Array.of(byte)))).toEqual({ viewers: left, screen: text });
  });

  it('leaves nothing at all of a well-formed question', () => {
    const left = questions.map(([name, question]) => [name, filtered(`a${question}b`).viewers]);
    expect(left.filter(([, viewers]) => viewers !== 'ab')).toEqual([
      ['DA1 hidden in what passes to a terminal behind', `a${st}b`],
    ]);
  });

  it('takes one mode out of many', () => {
    expect(filtered('\x1b[?1004;2048;2004h').viewers).toBe('\x1b[?1004;2004h');
    expect(filtered('\x1b[?2l\x1b[?1;2l').viewers).toBe('\x1b[?1l');
  });
});

describe('TERM-3: what a terminal only shows', () => {
  it.each([
    'text, ünïcödé, 漢字 and 👩‍👩‍👧',
    '\x1b[31;1mred\x1b[m\r\n',
    '\x1b[?1049h\x1b[2J\x1b[H',
    '\x1b[?2004h\x1b[?1006h\x1b[?25l',
    '\x1b[2 q\x1b[>1u\x1b[<u\x1b[=5;1u\x1b[>4;2m',
    '\x1b7\x1b8\x1b(0lqk\x1b(B\x1bM\x1bc',
    '\x1b]0;a title? yes\x07',
    `\x1b]8;;https://example.org/?a=b${st}link\x1b]8;;${st}`,
    '\x1b]52;c;aGVsbG8=\x07',
    '\x1b]11;#102030\x07',
    `\x1bP0;1;0q"1;1;6;6#0!6~${st}`,
    '\x1b[22;0t\x1b[23;0t',
    '\x1b[1;1;2;2$x',
    '\x9c alone is no control, nor is \xc2\xa9',
  ])('%j passes as it is, however it is cut', (text) => {
    const whole = bytes(text);
    for (let at = 1; at < whole.length; at += 1) {
      expect(filtered(whole.subarray(0, at), whole.subarray(at))).toEqual({ viewers: text, screen: text });
    }
  });

  it('passes bytes that are no UTF-8', () => {
    const odd = Uint8Array.of(0x61, 0xff, 0xfe, 0x80, 0x9b, 0x63, 0xc3, 0x28, 0x62);
    expect(latin(new QueryFilter().push(odd).viewers)).toBe(latin(odd));
  });
});

describe('what is cut in the middle', () => {
  it('waits for its rest, so that a redrawn screen can come between', () => {
    const filter = new QueryFilter();
    const first = filter.push(bytes('ab\x1b[3'));
    expect([latin(first.viewers), latin(first.screen)]).toEqual(['ab', 'ab']);
    expect(latin(filter.push(bytes('1mc')).viewers)).toBe('\x1b[31mc');
    const half = bytes('漢');
    expect(filter.push(half.subarray(0, 2)).screen.length).toBe(0);
    expect(Buffer.from(filter.push(half.subarray(2)).screen).toString()).toBe('漢');
  });

  it('is dropped when a sequence is broken off', () => {
    expect(filtered('a\x1b[31\x18b').viewers).toBe('ab');
    expect(filtered('a\x1b[31\x1b[mb').viewers).toBe('a\x1b[mb');
    expect(filtered('a\x1b]0;title\x1b[mb').viewers).toBe('a\x1b[mb');
  });
});

describe('a string too long to be held', () => {
  const long = 'A'.repeat(heldBytes * 3);
  const pieces = (text: string): Uint8Array[] => {
    const whole = bytes(text);
    const step = 5000;
    return Array.from({ length: Math.ceil(whole.length / step) }, (_, at) =>
      whole.subarray(at * step, (at + 1) * step),
    );
  };

  it.each([
    ['a clipboard', `\x1b]52;c;${long}\x07`],
    ['a picture', `\x1bPq${long}${st}`],
  ])('%s passes in pieces', (_name, text) => {
    expect(filtered(...pieces(`x${text}y`))).toEqual({ viewers: `x${text}y`, screen: `x${text}y` });
  });

  it.each([
    ['a palette', `\x1b]4;1;${long};?\x07`],
    ['an unknown one', `\x1b]4711;${long}\x07`],
    ['a message to a program behind', `\x1bP+q${long}${st}`],
    ['an application’s', `\x1b_${long}${st}`],
  ])('%s is dropped to its end', (_name, text) => {
    expect(filtered(...pieces(`x${text}y`))).toEqual({ viewers: 'xy', screen: `x${text}y` });
  });

  it('says where a late viewer may begin', () => {
    const filter = new QueryFilter();
    expect(filter.push(bytes('x'))).toMatchObject({ boundary: 0, isInside: false });
    expect(filter.push(bytes(`\x1b]52;c;${long}`))).toMatchObject({ boundary: 0, isInside: true });
    expect(filter.push(bytes(long))).toMatchObject({ boundary: null, isInside: true });
    const last = filter.push(bytes('AA\x07text'));
    expect(last).toMatchObject({ boundary: 3, isInside: false });
  });

  it('is ended for viewers when it is broken off', () => {
    expect(filtered(...pieces(`\x1b]52;c;${long}\x1b[31mred`)).viewers).toBe(`\x1b]52;c;${long}${st}\x1b[31mred`);
  });

  it('keeps no more than its bound of a sequence without end', () => {
    expect(filtered(...pieces(`\x1b[${'1;'.repeat(heldBytes)}n`)).viewers).not.toContain('\x1b');
  });
});
