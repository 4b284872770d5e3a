import { describe, expect, it } from 'vitest';
import { cpuTimeOf } from '../../test/support/cpu-time.ts';
import { exactLine, exactLines, type ExactOptions, exactParts, hasNamed, shownText } from './exact-text.ts';

/** Shows names in braces, to distinguish them from the text. */
const exact = (text: string, options?: ExactOptions): string =>
  exactParts(text, options)
    .map((part) => (part.isNamed ? `{${part.text}}` : part.text))
    .join('');

const prose = { isProse: true };

describe('DECIDE-11: blanks', () => {
  it.each([
    ['echo ok                        ', 'echo ok{⟨24 spaces⟩}'],
    ['a   b  c', 'a{⟨3 spaces⟩}b  c'],
    ['a \nb  \n', 'a{⟨1 space⟩}\nb{⟨2 spaces⟩}\n'],
    ['if x:\n    y\n        z', 'if x:\n    y\n        z'],
    [`${' '.repeat(41)}x`, '{⟨41 spaces⟩}x'],
    ['a\n    \nb', 'a\n{⟨4 spaces⟩}\nb'],
    ['a\tb', 'a{␉}b'],
    ['a\t\t\t\tb', 'a{⟨U+0009 ×4⟩}b'],
    [`a${'\u00a0'.repeat(200)}b`, 'a{⟨U+00A0 ×200⟩}b'],
    ['a\u2800b\u3164c\u115fd\uffa0e\u3000f', 'a{⟨U+2800⟩}b{⟨U+3164⟩}c{⟨U+115F⟩}d{⟨U+FFA0⟩}e{⟨U+3000⟩}f'],
    ['a\n\n\nb', 'a\n\n\nb'],
    [`a${'\n'.repeat(5)}b`, 'a\n{⟨4 empty lines⟩}\nb'],
  ])('%j is shown as %j', (text, shown) => {
    expect(exact(text)).toBe(shown);
  });
});

describe('DECIDE-11: invisible characters', () => {
  it.each([
    ['rm\u00a0-rf\u200b /\u202etxt\u001b[8m', 'rm{⟨U+00A0⟩}-rf{⟨U+200B⟩} /{⟨U+202E⟩}txt{␛}[8m'],
    ['\udc00 x\r\n', '{⟨U+DC00⟩} x{␍}\n'],
    ['\u{e0041}\ufeff\u00ad\u2028x', '{⟨U+E0041⟩}{⟨U+FEFF⟩}{⟨U+00AD⟩}{⟨U+2028⟩}x'],
    ['❤\ufe0f', '❤{⟨U+FE0F⟩}'],
    ['a\ue000\u{f0000}b\u0378', 'a{⟨U+E000⟩}{⟨U+F0000⟩}b{⟨U+0378⟩}'],
    ['\u0301a -\u0338 =\u0338', '{⟨U+0301⟩}a -{⟨U+0338⟩} ={⟨U+0338⟩}'],
    ['e\u0301', 'e\u0301'],
    [`a${'\u0300'.repeat(6)}`, `a${'\u0300'.repeat(4)}{⟨U+0300⟩⟨U+0300⟩}`],
    // The characters that names consist of.
    ['⟨U+200B⟩ ␛', '{⟨U+27E8⟩}U+200B{⟨U+27E9⟩} {⟨U+241B⟩}'],
  ])('%j is shown as %j', (text, shown) => {
    expect(exact(text)).toBe(shown);
  });
});

describe('DECIDE-11: look-alikes', () => {
  it.each([
    // Letters of two scripts in one word, in a host or elsewhere.
    ['Аllow', '{⟨А U+0410 like A⟩}llow'],
    ['gооgle', 'g{⟨оо U+043E U+043E like oo⟩}gle'],
    ['Δt', '{⟨Δ U+0394⟩}t'],
    ['pаypal١', 'p{⟨а U+0430 like a⟩}ypal{⟨١ U+0661 like l⟩}'],
    ['соρу', 'со{⟨ρ U+03C1 like p⟩}у'],
    ['ɡit', '{⟨ɡ U+0261 like g⟩}it'],
    // Words made up of look-alikes only, where words are run or looked up.
    ['/usr/bin/сору', '/usr/bin/{⟨сору U+0441 U+043E U+0440 U+0443 like copy⟩}'],
    ['ls; сору a b', 'ls; {⟨сору U+0441 U+043E U+0440 U+0443 like copy⟩} a b'],
    ['rm --х', 'rm --{⟨х U+0445 like x⟩}'],
    // Other forms of ASCII.
    ['ｒｍ 𝐫𝐦', '{⟨ｒｍ U+FF52 U+FF4D like rm⟩} {⟨𝐫𝐦 U+1D42B U+1D426 like rm⟩}'],
    // Hosts, with the name that is looked up.
    [
      'curl https://аррӏе.com/x',
      'curl https://{⟨аррӏе U+0430 U+0440 U+0440 U+04CF U+0435 like appie⟩}.com{⟨xn--80ak6aa92e.com⟩}/x',
    ],
    ['curl https://пример.рф:8443/x', 'curl https://пример.рф{⟨xn--e1afmkfd.xn--p1ai⟩}:8443/x'],
    ['git@bücher.example:x', 'git@bücher.example{⟨xn--bcher-kva.example⟩}:x'],
    // Punctuation.
    ['a∕b⁄c／d', 'a{⟨∕ U+2215 like /⟩}b{⟨⁄ U+2044 like /⟩}c{⟨／ U+FF0F like /⟩}d'],
    ['a․b', 'a{⟨․ U+2024 like .⟩}b'],
    ['ls\u037e rm', 'ls{⟨\u037e U+037E like ;⟩} rm'],
    ['ls； rm', 'ls{⟨； U+FF1B like ;⟩} rm'],
    ['rm –rf —force', 'rm {⟨– U+2013 like -⟩}rf {⟨— U+2014 like -⟩}force'],
    ['my‐branch my–branch', 'my{⟨‐ U+2010 like -⟩}branch my{⟨– U+2013 like -⟩}branch'],
    ['echo ’; rm x ’', `echo {⟨’ U+2019 like '⟩}; rm x {⟨’ U+2019 like '⟩}`],
  ])('%j is shown as %j', (text, shown) => {
    expect(exact(text)).toBe(shown);
  });

  it.each([
    'ls -la "ä ö 😀" && echo naïve café',
    'Он сказал, а она и рада: у нас всё есть, вот так.',
    'cat отчёт.txt > копия.txt',
    '日本語のファイル、テスト。 你好，世界！(测试) iPhone手机 Tシャツ.txt',
    'שלום עולם, מה שלומך?',
    'Ελληνικά: ο λόγος',
    'kapı ışık',
    'pages 1–20 — and so on … don’t',
    '└── src │ 3 × 4 = 12 µm',
  ])('%j stays unchanged', (text) => {
    expect(exact(text)).toBe(text);
  });

  it('prose may contain quotes and dashes', () => {
    const text = 'He said “yes” – or ‘no’. Paris–London';
    expect(exact(text, prose)).toBe(text);
    expect(exact(text)).not.toBe(text);
    expect(exact('Run “rm –rf”', prose)).toBe('Run “rm {⟨– U+2013 like -⟩}rf”');
  });
});

describe('DECIDE-11: a whole text', () => {
  it('is complete, and unchanged if nothing has to be named', () => {
    const plain = 'ls -la "ä ö 😀"\n日本語';
    expect(exactParts(plain)).toEqual([{ text: plain, isNamed: false }]);
    expect([hasNamed(plain), hasNamed('a\u200bb')]).toEqual([false, true]);
  });

  it('can be split into lines', () => {
    expect(exactLines('a\u200b\n\nb \n').map(shownText)).toEqual(['a⟨U+200B⟩', '', 'b⟨1 space⟩', '']);
  });

  it('on one line says how much of it is missing', () => {
    expect(shownText(exactLine('a\nb', 10))).toBe('a␊b');
    expect(shownText(exactLine(`abc${'d'.repeat(2000)}`, 3))).toBe('abc⟨… 2,000 more characters⟩');
    expect(shownText(exactLine('ab😀', 3))).toBe('ab⟨… 2 more characters⟩');
  });

  it.each([
    ['spaces', ' '.repeat(200_000)],
    ['lines', 'a \n'.repeat(70_000)],
    ['empty lines', '\n'.repeat(200_000)],
    ['one word', 'а'.repeat(200_000)],
    ['marks', `a${'\u0301\u0300'.repeat(100_000)}`],
    ['addresses', 'x@ä'.repeat(70_000)],
    ['look-alikes', 'а b '.repeat(50_000)],
    ['dots', 'ä.'.repeat(100_000)],
  ])('of 200,000 characters takes linear time: %s', (_what, text) => {
    const part = text.slice(0, text.length / 10);
    const costOf = (each: string): number => cpuTimeOf(() => exactParts(each));
    // Ten times the text takes ten times as long, not a hundred times. Below a millisecond nothing can be compared. Both are
    // measured in turn, several times: compilation, garbage collection and other work on the core only add to a run.
    const isLinear = (): boolean => {
      const cost = Math.max(costOf(part), 1);
      return costOf(text) < 40 * cost;
    };
    expect(Array.from({ length: 10 }).some(isLinear)).toBe(true);
  });
});
