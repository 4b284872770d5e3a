/** The lines of a unified diff of one file, as git writes it. */

export interface ChangeLine {
  kind: 'same' | 'added' | 'removed';
  /** Without the end of the line. */
  text: string;
  /** What it was before, if it differs in blanks that are hidden. */
  textBefore?: string;
  /** Its number in the file before and after; undefined where it is not part of it. */
  before?: number;
  after?: number;
  /** It is the last one of its file, and has no newline. */
  isUnended?: boolean;
}

export interface Hunk {
  /** Its place among the hunks of the diff. */
  index: number;
  /** What git says about the place, usually the function. */
  heading: string;
  lines: ChangeLine[];
}

export interface FileDiff {
  /** What the header says beside the name: modes and kinds of file. */
  facts: string[];
  hunks: Hunk[];
  /** Every line of it ends with CR LF; the CR is left out of the lines. */
  isCrlf: boolean;
}

const hunkHead = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/s;

/** Lines are counted, so that none of them can pass for a header. A diff that is cut off ends where it ends. */
export function parseDiff(diff: string): FileDiff {
  const all = diff.split('\n');
  const hunks: Hunk[] = [];
  const header: string[] = [];
  let at = 0;
  for (; at < all.length && !hunkHead.test(all[at]!); at += 1) header.push(all[at]!);
  while (at < all.length) {
    const [, oldStart, oldCount = '1', newStart, newCount = '1', heading = ''] = hunkHead.exec(all[at]!) ?? [];
    if (oldStart === undefined) break;
    at += 1;
    let before = Number(oldStart);
    let after = Number(newStart);
    const ends = [before + Number(oldCount), after + Number(newCount)];
    const lines: ChangeLine[] = [];
    while (at < all.length && (before < ends[0]! || after < ends[1]! || all[at]!.startsWith('\\'))) {
      const line = all[at]!;
      const text = line.slice(1);
      if (line.startsWith('+')) lines.push({ kind: 'added', text, after: after++ });
      else if (line.startsWith('-')) lines.push({ kind: 'removed', text, before: before++ });
      else if (line.startsWith(' ')) lines.push({ kind: 'same', text, before: before++, after: after++ });
      else if (line.startsWith('\\')) {
        const last = lines.at(-1);
        if (last) last.isUnended = true;
      } else break;
      at += 1;
    }
    hunks.push({ index: hunks.length, heading, lines });
  }
  return { facts: factsOf(header), ...withoutCr(hunks) };
}

function withoutCr(hunks: Hunk[]): Pick<FileDiff, 'hunks' | 'isCrlf'> {
  const lines = hunks.flatMap((hunk) => hunk.lines);
  const isCrlf = lines.some(({ text }) => text.endsWith('\r')) && lines.every(isEndedByCr);
  if (isCrlf) for (const line of lines) if (line.text.endsWith('\r')) line.text = line.text.slice(0, -1);
  return { hunks, isCrlf };
}

const isEndedByCr = ({ text, isUnended }: ChangeLine): boolean => text.endsWith('\r') || isUnended === true;

const kinds: Readonly<Record<string, string>> = {
  '100644': 'a plain file',
  '100755': 'executable',
  '120000': 'a symbolic link',
  '160000': 'a submodule',
};
const kindOf = (mode: string): string => kinds[mode] ?? `of mode ${mode}`;

function factsOf(header: readonly string[]): string[] {
  const value = (name: string): string | undefined =>
    header.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const facts: string[] = [];
  const [old, now] = [value('old mode'), value('new mode')];
  if (old !== undefined && now !== undefined) facts.push(`It was ${kindOf(old)} and is ${kindOf(now)} now.`);
  const made = value('new file mode');
  if (made !== undefined && made !== '100644') facts.push(`It is ${kindOf(made)}.`);
  const similarity = value('similarity index');
  if (similarity !== undefined) {
    facts.push(similarity === '100%' ? 'Its content is the same.' : `Its content is ${similarity} the same.`);
  }
  return facts;
}
