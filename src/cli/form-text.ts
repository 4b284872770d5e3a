/** What an MCP server asks for, in words. All of it is marked as the server's own. */
import { asksForSecret, fieldHint, type Form, type FormField, pageLink } from '../client/client.ts';
import { exactLine, exactLines } from '../protocol/exact-text.ts';
import { markOf, type Paper, plain, row } from './card-rows.ts';
import { plainLine } from './plain-text.ts';

const prose = { isProse: true };

export function formRows(form: Form, paper: Paper): string[] {
  const whatItGets = form.mode === 'url' ? 'do there' : 'type';
  const rows = [
    ...ours(`An MCP server asks this, not BooCode and not the agent. What you ${whatItGets} goes to it:`, paper),
    ...row(exactLine(form.serverName, Infinity), paper, '│ '),
    ...quoted(form.message, paper),
  ];
  if (form.mode === 'url') return [...rows, ...pageRows(form.url, paper)];
  if (form.fields) return [...rows, ...form.fields.flatMap((field) => listedRows(field, paper))];
  return [...rows, ...warning('It asks for something a form cannot represent: it can only be declined.', paper)];
}

export function serverText({ serverName }: Pick<Form, 'serverName'>): string {
  return `“${plainLine(serverName, 100)}”`;
}

const ours = (text: string, { style, columns }: Paper): string[] =>
  row([plain(text)], { style, columns }, '  ', '  ').map((each) => style('dim', each));

const warning = (text: string, { style, columns }: Paper): string[] =>
  row([plain(text)], { style, columns }, '! ', '  ').map(markOf(style));

const quoted = (text: string, paper: Paper): string[] =>
  exactLines(text, prose).flatMap((line) => row(line, paper, '│ │ ', '│ ┆ '));

function pageRows(url: string, paper: Paper): string[] {
  const link = pageLink(url);
  const address = row([plain('page: '), ...exactLine(url, Infinity)], paper, '│ ');
  if (!link) {
    return [
      ...warning('This is not a plain address of a web page (http or https, without a user name):', paper),
      ...address,
    ];
  }
  return [
    ...row([plain('host: '), ...exactLine(link.host, Infinity)], paper, '│ '),
    ...address,
    ...(link.isEncrypted ? [] : warning('The connection to it is not encrypted.', paper)),
  ];
}

/** A field as listed: its name for `--input`, and what it accepts. */
function listedRows(field: FormField, paper: Paper): string[] {
  const facts = [field.isRequired ? 'required' : '', plainLine(fieldHint(field))].filter(Boolean).join(', ');
  const title = field.title === field.name ? [] : [plain(': '), ...exactLine(field.title, Infinity, prose)];
  return row(
    [...exactLine(field.name, Infinity), ...title, plain(facts === '' ? '' : `  (${facts})`)],
    paper,
    '│ · ',
    '│ ┆ ',
  );
}

/** A field as asked: with the server's description, its choices, and a warning if needed. */
export function fieldRows(field: FormField, paper: Paper): string[] {
  const options = 'options' in field ? field.options : [];
  return [
    ...row([...exactLine(field.title, Infinity, prose), plain(field.isRequired ? ' *' : '')], paper, '│ '),
    ...(field.description === '' ? [] : quoted(field.description, paper)),
    ...(asksForSecret(field)
      ? warning('This looks like a password or a key. No MCP server may ask for one in a form.', paper)
      : []),
    ...options.flatMap(({ title }, index) =>
      row(exactLine(title, Infinity, prose), paper, `│ ${index + 1}. `, '│ ┆  '),
    ),
  ];
}
