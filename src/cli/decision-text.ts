/** A decision in words: exactly what is asked, and what a typed answer means. */
import { type AnswerDecision, type Decision, formOf, type Question, questionsOf } from '../client/client.ts';
import { byText } from '../protocol/by-text.ts';
import { countOf } from '../protocol/count-text.ts';
import { exactLine, exactLines, isProseField, lineCount, shownText } from '../protocol/exact-text.ts';
import { alikeWords } from '../protocol/look-alikes.ts';
import { planOf } from '../protocol/plan.ts';
import { startsOverWords } from '../protocol/sub-agent-words.ts';
import { markOf, type Paper, plain, row } from './card-rows.ts';
import { formRows } from './form-text.ts';
import { plainLine } from './plain-text.ts';
import type { Style } from './style.ts';
import { wrapRows } from './wrap-rows.ts';

export type Asked = Pick<Decision, 'id' | 'kind' | 'title' | 'input' | 'canAllowAlways'> & {
  alwaysScope?: readonly string[] | undefined;
  toolName?: string | null | undefined;
  subagentCallId?: string | null | undefined;
};

const kindWords: Record<Asked['kind'], string> = {
  permission: 'Permission',
  question: 'Question',
  plan: 'Plan',
  form: 'Form',
};
const longestTitle = 400;

/** The heading, and what will run: every field of the input, every line, every character. */
export function decisionRows(asked: Asked, paper: Paper): string[] {
  // A plan, a question and a form follow verbatim; their titles repeat them.
  const heading = asked.kind === 'permission' ? headingRows(asked, paper) : [kindText(asked, paper.style)];
  if (asked.subagentCallId) heading.push(paper.style('dim', startsOverWords));
  if (questionsOf(asked).length > 0) return heading;
  const form = formOf(asked);
  if (form) return [...heading, ...formRows(form, paper)];
  const fields = Object.entries(asked.input).flatMap(([name, value]) => fieldRows(name, value, paper));
  return [...heading, ...fields, ...alwaysRows(asked, paper), ...refusalRows(asked, paper)];
}

/** Whether there is anything in it to approve. */
export const canBeAllowed = (asked: Pick<Asked, 'kind' | 'input'>): boolean =>
  asked.kind !== 'plan' || planOf(asked) !== undefined;

function refusalRows(asked: Asked, { style }: Paper): string[] {
  return canBeAllowed(asked) ? [] : [style('yellow', '! It contains no plan, so there is nothing to approve.')];
}

/** What the answer "always" would make the agent remember. */
function alwaysRows({ canAllowAlways, alwaysScope = [] }: Asked, paper: Paper): string[] {
  if (!canAllowAlways) return [];
  return alwaysScope.flatMap((line) =>
    row([plain('always: '), ...exactLine(line, Infinity, { isProse: true })], paper, '│ '),
  );
}

export function headingRows(asked: Pick<Asked, 'kind' | 'title'>, { style, columns }: Paper): string[] {
  const kind = kindText(asked, unstyledText);
  const rows = wrapRows(exactLine(asked.title, longestTitle), {
    first: `${kind}  `,
    next: '┆ ',
    columns,
    mark: markOf(style),
  });
  return rows.map((text, index) => (index === 0 ? kindText(asked, style) + text.slice(kind.length) : text));
}

const unstyledText: Style = (_format, text) => text;

function kindText({ kind }: Pick<Asked, 'kind'>, style: Style): string {
  return style(['bold', 'yellow'], `? ${kindWords[kind]}`);
}

const usualName = /^[\w.-]{1,40}$/;

function fieldRows(name: string, value: unknown, paper: Paper): string[] {
  // In quotes it cannot look like another field and its value.
  const label = usualName.test(name) ? [plain(name)] : exactLine(JSON.stringify(name), Infinity);
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  const lines = exactLines(text, { isProse: isProseField(name) });
  const [only = []] = lines;
  if (lines.length === 1) return row([...label, plain(': '), ...only], paper, '│ ');
  return [
    ...row([...label, plain(` (${countOf(lineCount(text), 'line')}):`)], paper, '│ '),
    ...lines.flatMap((line) => row(line, paper, '│ │ ', '│ ┆ ')),
  ];
}

export function questionRows(question: Question, paper: Paper): string[] {
  const { style } = paper;
  const prose = { isProse: true };
  const rows: string[] = [];
  if (question.header !== '') rows.push(...row(exactLine(question.header, Infinity, prose), paper, '│ '));
  for (const line of exactLines(question.question, prose)) rows.push(...row(line, paper, '│ ', '┆ '));
  for (const [index, { label, description }] of question.options.entries()) {
    const number = `│ ${index + 1}. `;
    rows.push(...row(exactLine(label, Infinity, prose), paper, number, '│ ┆  '));
    if (description === '') continue;
    for (const line of exactLines(description, prose)) {
      rows.push(...row(line, paper, '│    ', '│ ┆  ').map((text) => style('dim', text)));
    }
  }
  return [
    ...rows,
    ...alikeWords(question.options.map(({ label }) => label)).map((words) => style('yellow', `! ${words}`)),
  ];
}

/** Numbers choose options, any other text is the answer itself. Undefined if it is neither. */
export function readChoice(question: Question, typed: string): string | undefined {
  const words = typed.trim();
  if (words === '') return undefined;
  if (!/^\d+([\s,]+\d+)*$/.test(words)) return words;
  const numbers = words.split(/[\s,]+/).map(Number);
  if (numbers.length > 1 && !question.multiSelect) return undefined;
  const labels = numbers.map((number) => question.options[number - 1]?.label);
  return labels.every((label) => label !== undefined) ? labels.join(', ') : undefined;
}

/** What y, a and n mean; undefined for anything else. */
export function readPermission(
  typed: string,
  { canAllow, canAllowAlways = false }: { canAllow: boolean; canAllowAlways?: boolean },
): AnswerDecision | undefined {
  switch (typed.trim().toLowerCase()) {
    case 'y':
    case 'yes':
    case 'allow':
      return canAllow ? { outcome: 'allow' } : undefined;
    case 'a':
    case 'always':
      return canAllowAlways ? { outcome: 'allow_always' } : undefined;
    case 'n':
    case 'no':
    case 'deny':
      return { outcome: 'deny' };
    default:
      return undefined;
  }
}

/** What `boocode decide` needs besides an id. */
const decideWords: Partial<Record<Asked['kind'], string>> = {
  question: `allow --input '{"questions": …, "answers": …}'`,
  form: `allow --input '{"FIELD": …}' (or deny)`,
};

/** The command that answers it from anywhere. */
export const howToDecide = ({ id, kind }: Pick<Asked, 'id' | 'kind'>): string =>
  `boocode decide ${id} ${decideWords[kind] ?? 'allow (or deny)'}`;

/** A title within other text, on one line. */
export const titleText = (title: string, maxLength = 200): string => shownText(exactLine(title, maxLength));

export type Settled = Pick<Decision, 'outcome' | 'by'> & { via?: Decision['via'] | undefined };

export function answeredText(decision: Settled): string {
  if (decision.outcome === 'cancelled') return 'withdrawn: the turn no longer waits for it';
  const words = decision.outcome === 'allow_always' ? 'always allow' : decision.outcome;
  return `answered by ${plainLine(byText(decision))}: ${words}`;
}
