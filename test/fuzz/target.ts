/** What is fed to a parser of input from outside, and what it may do with it. */
import fc, { type Arbitrary } from 'fast-check';
import { BooError } from '../../src/protocol/error.ts';

export interface Target {
  name: string;
  input: Arbitrary<unknown>;
  /** Throws if the input was neither accepted nor refused with one clear error. */
  readonly feed: (value: never) => unknown;
}

export function target<T>(name: string, input: Arbitrary<T>, feed: (value: T) => unknown): Target {
  return { name, input, feed: feed as (value: never) => unknown };
}

/** Refused in words is fine; anything else that is thrown is not. */
export function refusable(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    assertRefusal(error);
  }
}

export async function refusableLater(parse: () => Promise<unknown>): Promise<void> {
  await parse().catch(assertRefusal);
}

function assertRefusal(error: unknown): void {
  if (!(error instanceof BooError) || error.code === 'internal' || error.message === '') throw error;
}

export const text = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 200 }));

/** Words of a grammar in any order, with other text between them. */
export const wordsOf = (...words: string[]): Arbitrary<string> =>
  fc.oneof(
    text,
    fc
      .array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 8 })), {
        maxLength: 8,
      })
      .map((parts) => parts.join('')),
  );

/** The text with one part of it replaced, doubled or cut off. */
export const spoiltText = (whole: Arbitrary<string>): Arbitrary<string> =>
  fc.tuple(whole, fc.nat(), fc.nat(40), wordsOf('{', '"', '\n', '\0', '\\')).map(([all, at, length, other]) => {
    const from = at % (all.length + 1);
    if (at % 5 === 0) return all;
    return all.slice(0, from) + other + (at % 3 === 0 ? '' : all.slice(from + length));
  });
