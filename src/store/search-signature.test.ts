import { expect, test } from 'vitest';
import { randomOf } from '../../test/support/random.ts';
import { pageOf, pagesAsked, piecesIn, piecesOf, signatureOf as signatureOfPieces } from './search-signature.ts';

const signatureOf = (texts: string[]) => signatureOfPieces(piecesIn(texts));

/** The same check as the SQL statement makes. */
function mayHold(signature: Buffer | null, text: string): boolean {
  if (signature === null) return true;
  return piecesOf(text).every((piece) => {
    const bit = piece % (signature.length * 8);
    return (((signature[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
  });
}

test('WEB-6: a text’s signature has the bits of everything in it, in any case, script and length', () => {
  const random = randomOf(9);
  const alphabet = Array.from('abcxyz ABCÄäßẞ ſsKk灯台の本한국어 тестТЕСТ σςΣ ıiİI 😀👩‍💻 %_\\"\n\u0000\ufffd');
  for (let round = 0; round < 300; round += 1) {
    const length = 1 + Math.floor(random() * 60);
    const letters = Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)] as string);
    const signature = signatureOf(['before', letters.join('')]);
    const from = Math.floor(random() * length);
    const part = letters.slice(from, from + 1 + Math.floor(random() * 8));
    const missed = [part.join(''), ...cases(part)].filter((text) => !mayHold(signature, text));
    expect(missed).toEqual([]);
  }
});

/** Letter by letter, as long as the letter stays a single one. */
function cases(letters: readonly string[]): string[] {
  const one = (letter: string, other: string): string => (Array.from(other).length === 1 ? other : letter);
  return [
    letters.map((letter) => one(letter, letter.toUpperCase())).join(''),
    letters.map((letter) => one(letter, letter.toLowerCase())).join(''),
  ];
}

test('the signature rules out most texts that do not contain a word, even long ones', () => {
  const random = randomOf(4);
  const word = (): string =>
    Array.from({ length: 6 }, () => String.fromCodePoint(97 + Math.floor(random() * 26))).join('');
  for (const words of [5, 80, 600]) {
    const signature = signatureOf([Array.from({ length: words }, word).join(' ')]);
    const wrong = Array.from({ length: 500 }, word).filter((text) => mayHold(signature, text));
    expect(wrong.length).toBeLessThan(60);
  }
});

test('a text that is too long or too varied has no signature and is always read', () => {
  expect(signatureOf(['x'.repeat(300_000)])).toBe(null);
  const varied = String.fromCodePoint(...Array.from({ length: 20_000 }, (_, index) => 0x4e00 + index));
  expect(signatureOf([varied])).toBe(null);
  expect(signatureOf([''])?.length).toBe(0);
  expect(signatureOf(['x'.repeat(256 * 1024)])).not.toBe(null);
  expect(signatureOf(['x'.repeat(256 * 1024), 'x'])).toBe(null);
});

test('a signature is as long as its different pieces require, up to a limit', () => {
  expect(signatureOf(['a'])).toHaveLength(1);
  expect(signatureOf(['x'.repeat(1000)])).toHaveLength(2);
  const varied = String.fromCodePoint(...Array.from({ length: 3000 }, (_, index) => 0x4e00 + index));
  expect(signatureOf([varied.slice(0, 200)])?.length).toBeGreaterThan(200);
  expect(signatureOf([varied])).toHaveLength(1900);
});

test('a text is asked for by its sequences of three characters, or by all of it if it is shorter', () => {
  expect(['', 'a', 'ab', 'abc', 'abcd', 'aaaaa'].map((text) => piecesOf(text).length)).toEqual([0, 1, 1, 1, 2, 1]);
  expect(piecesOf('the quick brown fox jumps')).toHaveLength(12);
  // One character each, also where UTF-16 needs two units.
  expect([piecesOf('a😀b').length, piecesOf('x\uffffab').length]).toEqual([1, 2]);
});

test('characters that Postgres cannot store count as what is stored instead, and a dot above an i not at all', () => {
  for (const odd of ['\u0000', '\ud800', '\udfff']) expect(piecesOf(`a${odd}b`)).toEqual(piecesOf('a\ufffdb'));
  expect(piecesOf('a\ue000b')).not.toEqual(piecesOf('a\ufffdb'));
  expect(piecesOf('i\u0307x')).toEqual(piecesOf('ix'));
  expect(piecesOf('\u0307')).toEqual([]);
});

test('stored signatures stay valid: the bits of a text never change', () => {
  expect(['a', 'Z[', '@1{', 'Ärger'].map(piecesOf)).toEqual([[44], [7420], [58273], [31659, 64998, 19212]]);
  expect(signatureOf(['Hello, 1!', 'ß'])?.toString('hex')).toBe('252c000a2005078a85');
});

test('DATA-28: a page has every piece of its texts, as numbers that a smallint holds, and is asked for by those of the query', () => {
  const numbers = (literal: string): number[] => JSON.parse(literal.replace('{', '[').replace('}', ']')) as number[];
  const page = numbers(pageOf([piecesIn(['The quick']), piecesIn(['brown fox'])]));
  for (const asked of ['quick', 'BROWN', 'x', 'ck']) {
    const [needed, unknown, ...more] = pagesAsked([asked]).map(numbers);
    expect(page).toEqual(expect.arrayContaining(needed!));
    expect([unknown, more]).toEqual([[-32_768], []]);
  }
  expect(page).not.toContain(-32_768);
  expect(numbers(pageOf([null, [0, 1, 65_535]]))).toEqual([-32_767, 32_767, -32_768]);
  expect(pagesAsked(['Ä', 'ä', 'o']).map(numbers)).toHaveLength(3);
  expect(pagesAsked(['\u0307'])).toEqual(['{}', '{-32768}']);
});
