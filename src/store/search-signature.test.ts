import { expect, test } from 'vitest';
import { randomOf } from '../../test/support/random.ts';
import { piecesOf, signatureOf } from './search-signature.ts';

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
});
