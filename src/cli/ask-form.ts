/** Has a person fill in a form at the terminal, field by field. */
import {
  type AnswerDecision,
  checkFormValue,
  fieldHint,
  type Form,
  type FormField,
  formDefaults,
  type FormValues,
  typedNumber,
} from '../client/client.ts';
import { askAbout, type Matter } from './ask-about.ts';
import { rowsText } from './card-rows.ts';
import { fieldRows, serverText } from './form-text.ts';
import { plainLine } from './plain-text.ts';
import type { Terminal } from './terminal.ts';

/** `end` if the input ended; undefined if the form was withdrawn. */
type Given<T> = Promise<T | 'end' | undefined>;
type Asking = Pick<Terminal, 'ask' | 'out' | 'err' | 'outStyle' | 'size'>;

/** Shows the form, then has it filled in. An answer is accepted only after all of it was shown. */
export async function askForm(
  form: Form,
  rows: Matter<boolean>['rows'],
  terminal: Terminal,
  signal: AbortSignal,
): Given<AnswerDecision> {
  const who = serverText(form);
  const confirm = (question: string, early: Matter<boolean>['early'] = earlyNo): Given<boolean> =>
    askAbout(terminal, { rows, question, read: yesOrNo, early, again: pleaseAnswer }, signal);
  if (form.mode === 'url') {
    const accepted = await confirm(`Tell ${who} that you will visit it? It opens nothing. [y]es / [n]o, decline `);
    return typeof accepted === 'boolean' ? { outcome: accepted ? 'allow' : 'deny' } : accepted;
  }
  if (!form.fields) {
    for (;;) {
      const declined = await confirm('Decline it? [y]es ', earlyDecline);
      if (typeof declined !== 'boolean') return declined;
      if (declined) return { outcome: 'deny' };
    }
  }
  const wanted = await confirm(`Fill it in for ${who}? [y]es / [n]o, decline `);
  if (typeof wanted !== 'boolean') return wanted;
  if (!wanted) return { outcome: 'deny' };
  for (;;) {
    const input = await askFields(form.fields, terminal, signal);
    if (input === undefined || input === 'end') return input;
    await terminal.forgetTyped(signal);
    const sent = await askYes(`Send this to ${who}? [y]es / [n]o, again `, terminal, signal);
    if (typeof sent !== 'boolean') return sent;
    if (sent) return { outcome: 'allow', input };
  }
}

export async function askFields(
  fields: readonly FormField[],
  terminal: Asking,
  signal?: AbortSignal,
): Given<FormValues> {
  const defaults = formDefaults(fields);
  const values: [string, unknown][] = [];
  for (const field of fields) {
    const given = await askField(field, defaults[field.name], terminal, signal);
    if (given === undefined || given === 'end') return given;
    if ('value' in given) values.push([field.name, given.value]);
  }
  return Object.fromEntries(values);
}

async function askField(
  field: FormField,
  byDefault: unknown,
  terminal: Asking,
  signal?: AbortSignal,
): Given<{ value: unknown } | { isLeftOut: true }> {
  terminal.out(rowsText(fieldRows(field, { style: terminal.outStyle, columns: terminal.size.columns })));
  const enter =
    byDefault !== undefined
      ? `Enter: ${plainLine(typedText(field, byDefault), 60)}`
      : field.isRequired
        ? ''
        : 'Enter: leave out';
  const facts = [typingHint(field), enter].filter(Boolean).join('; ');
  for (;;) {
    const reply = await terminal.ask(`  ${plainLine(field.name, 60)}${facts === '' ? '' : ` (${facts})`}: `, signal);
    if (reply.kind !== 'line') return reply.kind === 'end' ? 'end' : undefined;
    if (reply.text === '' && byDefault !== undefined) return { value: byDefault };
    if (reply.text === '' && !field.isRequired) return { isLeftOut: true };
    const value = reply.text === '' ? undefined : readTyped(field, reply.text);
    const problem =
      value === undefined ? (reply.text === '' ? 'is required' : wanted[field.type]) : checkFormValue(field, value);
    if (problem === undefined) return { value };
    terminal.err(`${plainLine(field.title)}: ${plainLine(problem, 300)}.\n`);
  }
}

const wanted: Record<FormField['type'], string> = {
  text: 'must be text',
  number: 'must be a number',
  boolean: 'must be y or n',
  choice: 'must be the number of a choice',
  choices: 'must be numbers of choices, with commas between them',
};

function typingHint(field: FormField): string {
  const words = { text: '', number: '', boolean: 'y or n', choice: 'number', choices: 'numbers with commas' }[
    field.type
  ];
  return [words, plainLine(fieldHint(field))].filter(Boolean).join(', ');
}

/** What the typed text means for the field; undefined if nothing. */
function readTyped(field: FormField, typed: string): unknown {
  const words = typed.trim();
  switch (field.type) {
    case 'text':
      return typed;
    case 'number':
      return typedNumber(typed);
    case 'boolean':
      return /^(y|yes|true)$/i.test(words) ? true : /^(n|no|false)$/i.test(words) ? false : undefined;
    case 'choice':
      return chosen(field, words);
    case 'choices': {
      const values = words.split(/[\s,]+/).map((each) => chosen(field, each));
      return values.every((value) => value !== undefined) ? values : undefined;
    }
  }
}

function chosen({ options }: Extract<FormField, { options: unknown }>, words: string): string | undefined {
  return /^\d+$/.test(words) ? options[Number(words) - 1]?.value : undefined;
}

function typedText(field: FormField, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (!('options' in field)) return String(value);
  const titles = field.options.filter((option) => [value].flat().includes(option.value)).map(({ title }) => title);
  return titles.join(', ');
}

const pleaseAnswer = 'Please answer y or n.';

export function yesOrNo(typed: string): boolean | undefined {
  const words = typed.trim();
  return /^(y|yes)$/i.test(words) ? true : /^(n|no)$/i.test(words) ? false : undefined;
}

const only =
  (wanted: boolean) =>
  (typed: string): boolean | undefined =>
    yesOrNo(typed) === wanted ? wanted : undefined;

const earlyNo = { key: 'n', means: 'no', read: only(false) };
const earlyDecline = { key: 'y', means: 'decline', read: only(true) };

async function askYes(question: string, terminal: Asking, signal?: AbortSignal): Given<boolean> {
  for (;;) {
    const reply = await terminal.ask(question, signal);
    if (reply.kind !== 'line') return reply.kind === 'end' ? 'end' : undefined;
    const answer = yesOrNo(reply.text);
    if (answer !== undefined) return answer;
    terminal.err(`${pleaseAnswer}\n`);
  }
}
