/** Above this nobody can guess a token, however fast and long they try. */
const minBits = 128;
const minDistinct = 10;

const alphabets = [
  /^\d*$/,
  /^[\da-f]*$/i,
  /^([a-z]*|[A-Z]*)$/,
  /^([a-z\d]*|[A-Z\d]*)$/,
  /^[a-z\d]*$/i,
  /^[\w+/=.~-]*$/,
];
const sizes = [10, 16, 26, 36, 62, 64];
const printable = 94;

/**
 * How many bits an attacker has to guess, at most: a character counts as one of the smallest usual alphabet that
 * contains them all, and only if the four-character sequence it ends has not occurred before, so repetitions count for
 * nothing. Words and dates count as random.
 */
export function bitsOf(token: string): number {
  const size = sizes[alphabets.findIndex((each) => each.test(token))] ?? printable;
  const fours = new Set<string>();
  for (let at = 0; at + 4 <= token.length; at += 1) fours.add(token.slice(at, at + 4));
  return (fours.size + 3) * Math.log2(size);
}

/** Whether a token could be guessed by an attacker limited only by the line's speed. */
export function isWeak(token: string): boolean {
  return new Set(token).size < minDistinct || bitsOf(token) < minBits;
}
