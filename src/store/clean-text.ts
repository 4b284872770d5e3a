/**
 * Text that Postgres accepts: no NUL and no lone surrogate. For names and titles; content is stored whole, as `json`.
 */
export function cleanText(text: string): string {
  return text.replaceAll('\u0000', '\u2400').replaceAll(/\p{Surrogate}/gu, '\ufffd');
}
