/** A decision in words: what is asked, exactly, and what a typed answer means. */
import { type AnswerDecision, type Decision, formOf, type Question, questionsOf } from '../protocol/client.ts';
import { formText } from './form-text.ts';
import { exactLines, plainLine, plainText } from './plain-text.ts';
import type { Style } from './style.ts';

export type Asked = Pick<Decision, 'id' | 'kind' | 'title' | 'input' | 'canAllowAlways'> & {
  alwaysScope?: readonly string[] | undefined;
};

const kindWords: Record<Asked['kind'], string> = {
  permission: 'Permission',
  question: 'Question',
  plan: 'Plan',
  form: 'Form',
};

/** The heading, and what will run: every field of the input, every line of it, every character visible. */
export function decisionText(asked: Asked, style: Style): string {
  // A plan and a question stand below word for word; their titles repeat them.
  const heading = asked.kind === 'permission' ? decisionHeading(asked, style) : `${kindText(asked, style)}\n`;
  if (questionsOf(asked).length > 0) return heading;
  const form = formOf(asked);
  if (form) return heading + formText(form, style);
  return heading + Object.entries(asked.input).map(fieldText).join('') + alwaysText(asked, style);
}

/** What the answer "always" would have the agent remember. */
function alwaysText({ canAllowAlways, alwaysScope = [] }: Asked, style: Style): string {
  if (!canAllowAlways || alwaysScope.length === 0) return '';
  const lines = alwaysScope.map((line) => `  ${style('dim', `always: ${plainLine(line)}`)}\n`);
  return lines.join('');
}

export function decisionHeading(asked: Pick<Asked, 'kind' | 'title'>, style: Style): string {
  return `${kindText(asked, style)}  ${plainLine(asked.title)}\n`;
}

function kindText({ kind }: Pick<Asked, 'kind'>, style: Style): string {
  return style(['bold', 'yellow'], `? ${kindWords[kind]}`);
}

function fieldText([name, value]: [string, unknown]): string {
  const label = exactLines(name).join('␊');
  const lines = exactLines(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  if (lines.length === 1) return `  ${label}: ${lines[0]}\n`;
  return [`  ${label}:`, ...lines.map((line) => `  │ ${line}`), ''].join('\n');
}

export function questionText(question: Question, style: Style): string {
  const header = question.header === '' ? '' : `${style('dim', plainLine(question.header))}  `;
  const lines = [`  ${header}${plainText(question.question).replaceAll('\n', '\n  ')}`];
  for (const [index, { label, description }] of question.options.entries()) {
    const more = description === '' ? '' : style('dim', `  ${plainLine(description)}`);
    lines.push(`  ${index + 1}. ${plainLine(label)}${more}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Numbers choose options, any other words are the answer themselves. Undefined when it is neither. */
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
export function readPermission(typed: string, canAllowAlways: boolean): AnswerDecision | undefined {
  switch (typed.trim().toLowerCase()) {
    case 'y':
    case 'yes':
    case 'allow':
      return { outcome: 'allow' };
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

export function answeredText(decision: { outcome: Decision['outcome']; by: Decision['by'] }): string {
  if (decision.outcome === 'cancelled') return 'withdrawn: the turn no longer waits for it';
  const words = decision.outcome === 'allow_always' ? 'always allow' : decision.outcome;
  return `answered by ${plainLine(decision.by ?? 'somebody')}: ${words}`;
}
