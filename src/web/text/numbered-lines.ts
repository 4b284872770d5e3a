export interface NumberedText {
  numbers: number[];
  text: string;
  /** The text after the numbered lines. */
  rest: string;
}

/** Parses a file the way agents print it, with a number before each line; undefined for other text. */
export function numberedLines(printed: string): NumberedText | undefined {
  const lines = printed.split('\n');
  const numbers: number[] = [];
  const texts: string[] = [];
  for (const line of lines) {
    const [, number, text = ''] = /^ *(\d+)[\t→](.*)$/s.exec(line) ?? [];
    if (number === undefined) break;
    numbers.push(Number(number));
    texts.push(text);
  }
  // Other output may also start with a number and a tab: only consecutive numbers make it a file.
  if (numbers.length === 0 || numbers.some((number, at) => at > 0 && number !== numbers[at - 1]! + 1)) return undefined;
  const rest = lines.slice(numbers.length).join('\n').trim();
  if (texts.at(-1) === '' && numbers.length > 1) {
    texts.pop();
    numbers.pop();
  }
  return { numbers, text: texts.join('\n'), rest };
}

/** The highlighter's name for the language: usually the file extension. */
export function languageOf(path: string): string {
  const end = /\.([A-Za-z0-9]{1,10})$/.exec(path)?.[1]?.toLowerCase();
  return end ?? (/(^|\/)Makefile$/.test(path) ? 'makefile' : '');
}

/** As Markdown, in a fence that its content cannot close. */
export function fenced(text: string, language: string): string {
  let longest = 2;
  for (const [ticks] of text.matchAll(/`+/g)) longest = Math.max(longest, ticks.length);
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}
