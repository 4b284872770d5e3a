/**
 * The text in terminal output, on one line. Node's `stripVTControlCharacters` knows fewer sequences and leaves their
 * ends in the text: `\x1b[<u`, with which a program restores the keyboard mode, becomes a u.
 */
const escape = String.fromCharCode(0x1b);
const oneByteCsi = String.fromCharCode(0x9b);
const bell = String.fromCharCode(7);
const sequences = new RegExp(
  [
    // CSI, also if truncated at the end.
    `(?:${escape}\\[|${oneByteCsi})[0-?]*[ -/]*(?:[@-~]|$)`,
    // OSC, DCS, SOS, PM and APC: strings with a terminator.
    `${escape}[\\]PX^_][^${bell}${escape}]*(?:${bell}|${escape}\\\\|$)`,
    `${escape}[ -/]*(?:[0-~]|$)`,
  ].join('|'),
  'g',
);
const moves = new RegExp(`${escape}\\[[0-9;]*[A-HJKfdG]`, 'g');
const beforeWholeText = new RegExp(`^[^${escape}\n]*(?=[${escape}\n])`);

/** `isCut`: the text before the first escape or line end may be incomplete. */
export function plainWords(output: string, { isCut = false } = {}): string {
  const whole = isCut ? output.replace(beforeWholeText, '') : output;
  return whole
    .replace(moves, ' ')
    .replace(sequences, '')
    .replace(/[\p{Cc}\p{So}\p{Sk}\s]+/gu, ' ')
    .trim();
}
