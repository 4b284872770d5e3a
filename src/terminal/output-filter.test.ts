import { describe, expect, it } from 'vitest';
import { heldBytes, heldClipboardBytes, OutputFilter } from './output-filter.ts';
import type { Passthrough } from './passable.ts';

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
/** One byte per character up to U+00FF, otherwise UTF-8. */
const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** The filter's output for the given pieces, for the viewers and for the screen. */
const filtered = (...pieces: (string | Uint8Array)[]) => filteredWith([], ...pieces);

function filteredWith(
  allowed: readonly Passthrough[],
  ...pieces: (string | Uint8Array)[]
): { viewers: string; screen: string } {
  const filter = new OutputFilter(new Set(allowed));
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

describe('TERM-3: a query that a terminal would answer', () => {
  it.each(questions)('%s reaches the screen but not the viewers, however it is split', (_name, question) => {
    const text = `a${question}b`;
    const whole = bytes(text);
    const left = filtered(text).viewers;
    expect(left.startsWith('a') && left.endsWith('b')).toBe(true);
    // All that may remain is plain text from a malformed sequence, and a terminator without a start.
    expect(left.slice(1, -1).replaceAll(st, '')).toMatch(/^[ -~]*$/);
    expect(filtered(text).screen).toBe(text);
    for (let at = 1; at < whole.length; at += 1) {
      expect(filtered(whole.subarray(0, at), whole.subarray(at))).toEqual({ viewers: left, screen: text });
    }
    expect(filtered(...[...whole].map((byte) => Uint8Array.of(byte)))).toEqual({ viewers: left, screen: text });
  });

  it('is removed completely if it is well-formed', () => {
    const left = questions.map(([name, question]) => [name, filtered(`a${question}b`).viewers]);
    expect(left.filter(([, viewers]) => viewers !== 'ab')).toEqual([]);
  });

  it('is removed from a list of modes, and the other modes stay', () => {
    expect(filtered('\x1b[?1004;2048;2004h').viewers).toBe('\x1b[?1004;2004h');
    expect(filtered('\x1b[?2l\x1b[?1;2l').viewers).toBe('\x1b[?1l');
  });
});

describe('TERM-3: output that a terminal only shows', () => {
  it.each([
    'text, ünïcödé, 漢字 and 👩‍👩‍👧',
    '\x1b[31;1mred\x1b[m\r\n',
    '\x1b[?1049h\x1b[2J\x1b[H',
    '\x1b[?2004h\x1b[?1006h\x1b[?25l',
    '\x1b[2 q\x1b[>1u\x1b[<u\x1b[=5;1u\x1b[>4;2m',
    '\x1b7\x1b8\x1b(0lqk\x1b(B\x1bM\x1bc',
    `\x1b]8;;https://example.org/?a=b${st}link\x1b]8;;${st}`,
    '\x1b]8;id=1;mailto:someone@example.org\x07letter\x1b]8;;\x07',
    '\x1b[3;9r\x1b[?6h\x1b[5X\x1b[2@\x1b[3b\x1b[!p\x1b[?1049l\x1b[4h\x1b[20l',
    '\x1b[s\x1b[u\x1b[3T\x1b#8',
    '\b\t\n\v\f\r\x0e\x0f\x07',
    '\x9c alone is no control, nor is \xc2\xa9',
  ])('%j passes unchanged, however it is split', (text) => {
    const whole = bytes(text);
    for (let at = 1; at < whole.length; at += 1) {
      expect(filtered(whole.subarray(0, at), whole.subarray(at))).toEqual({ viewers: text, screen: text });
    }
  });

  it('loses bytes that are not UTF-8, as on the screen: some terminals take them for control sequences', () => {
    const odd = Uint8Array.of(0x61, 0xff, 0xfe, 0x80, 0x9b, 0x63, 0xc3, 0x28, 0x62);
    const { viewers, screen } = new OutputFilter().push(odd);
    expect([latin(viewers), latin(screen)]).toEqual(['ac(b', latin(odd)]);
  });
});

describe('a sequence or character split in the middle', () => {
  it('is held until it is complete, so that a redrawn screen can come in between', () => {
    const filter = new OutputFilter();
    const first = filter.push(bytes('ab\x1b[3'));
    expect([latin(first.viewers), latin(first.screen)]).toEqual(['ab', 'ab']);
    expect(latin(filter.push(bytes('1mc')).viewers)).toBe('\x1b[31mc');
    const half = bytes('漢');
    expect(filter.push(half.subarray(0, 2)).screen.length).toBe(0);
    expect(Buffer.from(filter.push(half.subarray(2)).screen).toString()).toBe('漢');
  });

  it('is dropped if it is aborted', () => {
    expect(filtered('a\x1b[31\x18b').viewers).toBe('ab');
    expect(filtered('a\x1b[31\x1b[mb').viewers).toBe('a\x1b[mb');
    expect(filtered('a\x1b]0;title\x1b[mb').viewers).toBe('a\x1b[mb');
  });
});

describe('a string that is too long to be held', () => {
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
    ['a palette', `\x1b]4;1;${long};?\x07`],
    ['an unknown one', `\x1b]4711;${long}\x07`],
    ['a picture', `\x1bPq${long}${st}`],
    ['a message to a program behind', `\x1bP+q${long}${st}`],
    ['an application’s', `\x1b_${long}${st}`],
  ])('%s is dropped to its end', (_name, text) => {
    expect(filtered(...pieces(`x${text}y`))).toEqual({ viewers: 'xy', screen: `x${text}y` });
  });

  it('passes as a clipboard where that is allowed, up to a limit', () => {
    const text = `\x1b]52;c;${long}\x07`;
    expect(filteredWith(['clipboard'], ...pieces(`x${text}y`)).viewers).toBe(`x${text}y`);
    const longer = `\x1b]52;c;${'A'.repeat(heldClipboardBytes + 10_000)}\x07`;
    expect(filteredWith(['clipboard'], ...pieces(`x${longer}y`)).viewers).toBe('xy');
    expect(filteredWith(['clipboard'], ...pieces(`x\x1b]0;${long}\x07y`)).viewers).toBe('xy');
  });

  it('is dropped only up to the next sequence if it has no end', () => {
    expect(filtered(...pieces(`\x1b]52;c;${long}\x1b[31mred`)).viewers).toBe(`\x1b[31mred`);
  });

  it('is not held beyond the limit if it is a sequence without an end', () => {
    expect(filtered(...pieces(`\x1b[${'1;'.repeat(heldBytes)}n`)).viewers).not.toContain('\x1b');
  });
});

// What hostile output could do to a person's terminal, in every form that terminals accept.
const orders: [string, string][] = [
  ['set the clipboard', `]52;c;aGVsbG8=`],
  ['notify', ']9;hello'],
  ['notify as another terminal does', ']777;notify;hello;world'],
  ['notify with buttons', ']99;i=1:a=report;hello'],
  ['run a command of the terminal', ']9;7;hello'],
  ['set the title', ']0;hello'],
  ['set the icon’s title', ']1;hello'],
  ['set the window’s title', ']2;hello'],
  ['set a property of the window', ']3;A=B'],
  ['change the palette', ']4;1;#102030'],
  ['change the colours', ']11;#102030'],
  ['reset the palette', ']104'],
  ['say where the agent is', ']7;file://host/path'],
  ['change the pointer', ']22;wait'],
  ['choose a font', ']50;hello'],
  ['mark a command', ']133;C'],
  ['mark a command for an editor', ']633;E;hello'],
  ['save a file', ']1337;File=name=aGVsbG8=:aGVsbG8='],
  ['set a variable', ']1337;SetUserVar=hello=aGVsbG8='],
  ['read the clipboard', ']5522;type=read'],
  ['do what is not known yet', ']4711;hello'],
  ['show a picture', 'Pq"1;1;6;6#0!6~'],
  ['define keys', 'P1;1|17/68656c6c6f'],
  ['ask for a setting', 'P$qm'],
  ['pass through tmux', 'Ptmux;hello'],
  ['show a file', '_Gt=f;aGVsbG8='],
  ['tell a private message', '^hello'],
  ['tell a string', 'Xhello'],
];
const csiOrders: [string, string][] = [
  ['print', '[5i'],
  ['resize', '[8;10;10t'],
  ['minimize', '[2t'],
  ['keep a title', '[22;0t'],
  ['lock the keyboard', '[2h'],
  ['echo what is typed', '[12l'],
  ['report the colour scheme', '[?2031h'],
  ['take keys of another system', '[?9001h'],
  ['change what Backspace sends', '[?67h'],
  ['highlight with the mouse', '[1;1;2;2;9T'],
  ['be another terminal', '[61"p'],
  ['save modes for others', '[?2004s'],
  ['change the modifiers of all keys', '[>1;2m'],
  ['light a lamp', '[1q'],
  ['fill a rectangle', '[65;1;1;9;9$x'],
  ['leave UTF-8', '%@'],
  ['answer in 8 bits', ' G'],
  ['lock memory', 'l'],
];

describe('TERM-9: an agent’s output only draws', () => {
  const forms: [string, (body: string) => string][] = [
    ['ended by ST', (body) => `\x1b${body}${st}`],
    ['ended by BEL', (body) => `\x1b${body}${body.startsWith(']') ? '\x07' : st}`],
    ['in its 8-bit form', (body) => `${String.fromCharCode(body.charCodeAt(0) + 0x40)}${body.slice(1)}\u009c`],
    ['inside another', (body) => `\x1b]8;;\x1b${body}${st}`],
    ['wrapped for tmux', (body) => `\x1bPtmux;\x1b\x1b${body}\x1b${st}${st}`],
  ];
  describe.each(forms)('%s', (_form, make) => {
    it.each(orders)('%s: nothing reaches a viewer, however it is split', (_name, body) => {
      const text = `a${make(body)}b`;
      const whole = bytes(text);
      for (let at = 1; at < whole.length; at += 1) {
        const { viewers, screen } = filtered(whole.subarray(0, at), whole.subarray(at));
        // Plain text of an aborted sequence may remain.
        expect(viewers).toMatch(/^a[ -~]*b$/);
        expect(screen).toBe(text);
      }
    });
  });

  it.each(csiOrders)('%s: nothing reaches a viewer', (_name, body) => {
    expect(filtered(`a\x1b${body}b`).viewers).toBe('ab');
  });

  it('a command without an end holds back output only until the next sequence', () => {
    expect(filtered('a\x1b]52;c;aGVs').viewers).toBe('a');
    expect(filtered('a\x1b]52;c;aGVs\r\nmore\x1b[m', 'b').viewers).toBe('a\x1b[mb');
  });

  it('the only control characters that pass move the cursor, ring the bell or shift', () => {
    const all = Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)).filter((each) => each !== '\x1b');
    expect(filtered(`a${all.join('b')}`).viewers.replaceAll(/[ab]/g, '')).toBe('\x07\b\t\n\v\f\r\x0e\x0f');
  });

  it.each(['file:///etc/hosts', 'javascript:hello', 'vscode://file/x', 'ssh://host', '//host/x'])(
    'a link to %j is no link, and its text is not part of the link before it',
    (to) => {
      const text = `\x1b]8;;https://example.org\x07a\x1b]8;;${to}\x07b`;
      expect(filtered(text).viewers).toBe(`\x1b]8;;https://example.org\x07a\x1b]8;;${st}b`);
    },
  );
});

describe('TERM-9: what a setting allows', () => {
  it.each<[Passthrough, string[]]>([
    ['clipboard', ['\x1b]52;c;aGVsbG8=\x07', `\x1b]52;;${st}`]],
    [
      'notifications',
      ['\x1b]9;hello\x07', '\x1b]9;4;1;50\x07', '\x1b]777;notify;a;b\x07', `\x1b]99;i=1:d=0;hello${st}`],
    ],
    ['titles', ['\x1b]0;a title? yes\x07', `\x1b]2;hello${st}`, '\x1b[22;0t\x1b[23;0t']],
  ])('%s passes, and nothing else', (name, passing) => {
    for (const text of passing) expect(filteredWith([name], text).viewers).toBe(text);
    const others = orders.filter(([, body]) => filteredWith([name], `\x1b${body}${st}`).viewers !== '');
    const codes = { clipboard: ['52'], notifications: ['9', '777'], titles: ['0', '1', '2'] }[name];
    expect(others.map(([, body]) => body.slice(1).split(';')[0])).toEqual(codes);
  });

  it('queries, commands that run something, and malformed sequences never pass', () => {
    const all = ['clipboard', 'notifications', 'titles'] as const;
    for (const body of [
      ']52;c;?',
      ']52;c;no base64!',
      ']9;7;hello',
      ']9;1;500',
      ']777;other;hello',
      ']99;i=1:p=?;',
      ']99;a=report;hello',
      ']2;a\x01b',
      ']2;a\u0085b',
      '[21t',
    ]) {
      expect(filteredWith(all, `a\x1b${body}${body.startsWith(']') ? st : ''}b`).viewers).toBe('ab');
    }
  });
});
