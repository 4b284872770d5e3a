import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isWeak } from './token-strength.ts';

describe('ACCESS-12: a token', () => {
  it.each([
    ['one character', 'a'.repeat(64)],
    ['a few characters', 'abcabcabdabcaabbccdd'.repeat(3)],
    ['four letters in no order', 'gattacacctgagtccaatgcgtaaccggtttagcatctgacgattcgcaagtct'],
    ['eight characters over and over', 'abcdefgh'.repeat(8)],
    ['sixteen digits of base 16, twice', '0123456789abcdef'.repeat(2)],
    ['sixteen characters', 'kR7_x2Qw9-Lm4TzB'],
    ['a number', '31415926535897932384626433832795028'],
    ['120 bits in base 16', 'c0ffee1234567890abcdefd1e2f3a4'],
    ['a word and a year', 'correcthorse2026'],
  ])('of %s is weak', (_what, token) => {
    expect(isWeak(token)).toBe(true);
  });

  it('of 256 random bits is strong, in every encoding', () => {
    const made = Array.from({ length: 300 }, () => [
      randomBytes(32).toString('base64'),
      randomBytes(32).toString('base64url'),
      randomBytes(32).toString('hex'),
    ]).flat();
    expect(made.filter(isWeak)).toEqual([]);
  });
});
