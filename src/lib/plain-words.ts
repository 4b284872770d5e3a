/**
 * The words in what was written to a terminal, on one line. Node's own `stripVTControlCharacters` knows fewer sequences,
 * and leaves the ends of the others among the words: `\x1b[<u`, with which a program gives the keyboard back, becomes a u.
 */
const escape = String.fromCharCode(0x1b);
const oneByteCsi = String.fromCharCode(0x9b);
const bell = String.fromCharCode(7);
const sequences = new RegExp(
  [
    // CSI; one that is cut at the end too.
    `(?:${escape}\\[|${oneByteCsi})[0-?]*[ -/]*(?:[@-~]|$)`,
    // OSC, DCS, SOS, PM and APC: strings with an end of their own.
    `${escape}[\\]PX^_][^${bell}${escape}]*(?:${bell}|${escape}\\\\|$)`,
    `${escape}[ -/]*(?:[0-~]|$)`,
  ].join('|'),
  'g',
);
const moves = new RegExp(`${escape}\\[[0-9;]*[A-HJKfdG]`, 'g');
const beforeWholeText = new RegExp(`^[^${escape}\n]*(?=[${escape}\n])`);

/** `isCut`: what comes before the first escape or line end may be half of something. */
export function plainWords(output: string, { isCut = false } = {}): string {
  const whole = isCut ? output.replace(beforeWholeText, '') : output;
  return whole
    .replace(moves, ' ')
    .replace(sequences, '')
    .replace(/[\p{Cc}\p{So}\p{Sk}\s]+/gu, ' ')
    .trim();
}
