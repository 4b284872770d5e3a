/**
 * Pasted text in the form sent to a program: as text, whatever it contains. An unchanged control character could be a
 * key, end the paste, or be interpreted by the terminal's line discipline, which does not know pastes.
 */
export const pasteStart = '\x1b[200~';
export const pasteEnd = '\x1b[201~';

/** Line ends as line feeds, and control characters other than tabs as their pictures. */
export function withoutControls(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/\p{Cc}/gu, (character) => {
    if (character === '\n' || character === '\t') return character;
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/**
 * What is typed for pasted text. For a program that has not asked for paste brackets, a line end would be Enter and a
 * tab a key: there the text is one line.
 */
export function pasteKeys(text: string, isBracketed: boolean): string {
  const clean = withoutControls(text);
  if (isBracketed) return clean === '' ? '' : `${pasteStart}${clean}${pasteEnd}`;
  return clean.replace(/\n+$/, '').replaceAll(/[\n\t]/g, ' ');
}
