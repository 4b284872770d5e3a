/**
 * Shows something to the person, page by page, and then asks about it. An answer is accepted only after the last row
 * was on the screen, and only from what was typed after that.
 */
import { type Paper, rowsText } from './card-rows.ts';
import type { Terminal } from './terminal.ts';
import { cellsIn } from './wrap-rows.ts';

export interface Matter<T> {
  rows(paper: Paper): string[];
  question: string;
  /** What a typed answer means; undefined if nothing. */
  read(typed: string): T | undefined;
  /** What can be answered before all of it was seen. */
  early: Early<T>;
  /** Printed if the answer means nothing. */
  again: string;
}

export interface Early<T> {
  /** What to type for it, and what that means: shown next to the pages. */
  key: string;
  means: string;
  read(typed: string): T | undefined;
}

/** Our own rows on every page: the position line, the question, and the cursor's. */
const ownRows = 3;

/** The answer; `end` if the input has ended, undefined if the question was withdrawn. */
export async function askAbout<T>(
  terminal: Terminal,
  matter: Matter<T>,
  signal: AbortSignal,
): Promise<T | 'end' | undefined> {
  for (;;) {
    const resized = new AbortController();
    // After everything else that redraws on this event.
    const stop = terminal.onResize(() => queueMicrotask(() => resized.abort()));
    try {
      const answer = await askOnce(terminal, matter, AbortSignal.any([signal, resized.signal]));
      if (answer !== undefined || !resized.signal.aborted || signal.aborted) return answer;
    } finally {
      stop();
    }
    // In another width its rows would break: it is redrawn once the size is stable.
    await terminal.forgetTyped(signal);
  }
}

async function askOnce<T>(terminal: Terminal, matter: Matter<T>, signal: AbortSignal): Promise<T | 'end' | undefined> {
  const { columns, rows: height } = terminal.size;
  const style = terminal.questions === 'out' ? terminal.outStyle : terminal.errStyle;
  const print = terminal[terminal.questions];
  const rows = matter.rows({ style, columns });
  let shown = 0;

  const show = (count: number): void => {
    print(keptInside(terminal, rowsText(rows.slice(shown, shown + count))));
    shown = Math.min(rows.length, shown + count);
  };
  const ask = async <R>(
    question: string,
    read: (typed: string) => R | undefined,
    again: string,
    takesSpace: boolean,
  ) => {
    for (;;) {
      const reply = await terminal.ask(question, signal, { takesSpace });
      if (reply.kind !== 'line') return reply.kind === 'end' ? ('end' as const) : undefined;
      const meant = read(reply.text);
      if (meant !== undefined) return { meant };
      terminal.err(`${again}\n`);
    }
  };
  const settle = async (): Promise<void> => {
    const isForgotten = await terminal.forgetTyped(signal);
    if (isForgotten && !signal.aborted) print(`${style('dim', '· Earlier input was ignored.')}\n`);
  };

  const page = Math.max(1, height - ownRows);
  show(terminal.isInteractive ? page : rows.length);
  await settle();
  while (shown < rows.length) {
    const question = pagingLine(Math.max(1, shown - page + 1), shown, rows.length, matter.early, columns);
    const next = await ask(
      question,
      (typed) => (typed.trim() === '' ? 'more' : typed.trim() === 'all' ? 'all' : matter.early.read(typed)),
      'There is more of it: answers are accepted at the end.',
      true,
    );
    if (next === undefined || next === 'end') return next;
    if (next.meant !== 'more' && next.meant !== 'all') return next.meant;
    show(next.meant === 'all' ? rows.length : page);
    if (shown === rows.length) await settle();
  }
  if (rows.length > page && terminal.isInteractive) print(`-- all ${rows.length} rows were shown --\n`);
  const answer = await ask(matter.question, (typed) => matter.read(typed), matter.again, false);
  return answer === undefined || answer === 'end' ? answer : answer.meant;
}

/** In words if they fit on one row. */
function pagingLine(from: number, to: number, count: number, early: Omit<Early<unknown>, 'read'>, columns: number) {
  const words = `-- rows ${from}–${to} of ${count} -- Enter: more, all: the rest, ${early.key}: ${early.means} `;
  return cellsIn(words) < columns ? words : `${from}–${to}/${count} Enter/all/${early.key} `;
}

/** If a terminal uses more cells for a character than expected, the row is cut and does not wrap. */
const keptInside = ({ isInteractive }: Terminal, text: string): string =>
  isInteractive ? `\x1b[?7l${text}\x1b[?7h` : text;
