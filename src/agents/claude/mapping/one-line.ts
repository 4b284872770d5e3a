const maxTitleLength = 200;

// Direction marks, zero-width characters and line separators: readers must see exactly what is there.
const hidden = /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

function show(character: string): string {
  const code = character.charCodeAt(0);
  if (character === '\t') return ' ';
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `\\u{${code.toString(16)}}`;
}

/** The text on one line of at most 200 characters, with control and invisible characters made visible. */
export function oneLine(text: string, maxLength: number = maxTitleLength): string {
  // Truncate generously first: a title must not cost a pass over a megabyte.
  const start = text.slice(0, maxLength * 4).trim();
  const line = start.replace(/\p{Surrogate}/gu, '\ufffd').replace(hidden, show);
  if (line.length <= maxLength && start.length === text.trim().length) return line;
  return `${line.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
