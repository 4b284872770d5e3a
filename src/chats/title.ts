/** The first line of a prompt, cut at a word's end where there is one. */
export function titleFrom(text: string): string | null {
  const line =
    text
      .trim()
      .split('\n', 1)[0]
      ?.replaceAll(/\p{Cc}/gu, ' ')
      .trim() ?? '';
  if (line.length <= 60) return line === '' ? null : line;
  const cut = line.slice(0, 60);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), 30))}…`;
}
