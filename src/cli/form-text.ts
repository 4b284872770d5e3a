/** What an MCP server asks for, in words. All of it is the server's own, and said to be. */
import { asksForSecret, fieldHint, type Form, type FormField, pageLink } from '../protocol/client.ts';
import { exactLines, plainLine, plainText } from './plain-text.ts';
import type { Style } from './style.ts';

export function formText(form: Form, style: Style): string {
  const who = serverText(form);
  const lines = [
    `  An MCP server asks this, not BooCode and not the agent. What you ${form.mode === 'url' ? 'do there' : 'type'} goes to ${who}.`,
    ...quoted(form.message),
  ];
  if (form.mode === 'url') lines.push(...pageText(form.url, style));
  else if (form.fields) lines.push(...form.fields.map((field) => `  ${fieldLine(field, style)}`));
  else lines.push(`  ${style('yellow', 'It asks for something that a form cannot hold: it can only be declined.')}`);
  return `${lines.join('\n')}\n`;
}

export function serverText({ serverName }: Pick<Form, 'serverName'>): string {
  return `“${plainLine(serverName, 100)}”`;
}

const quoted = (text: string): string[] =>
  plainText(text)
    .split('\n')
    .map((line) => `  │ ${line}`);

function pageText(url: string, style: Style): string[] {
  const link = pageLink(url);
  const address = exactLines(url).join('␊');
  if (!link) {
    return [
      `  ${style('yellow', 'This is no plain address of a web page (http or https, without a user name):')}`,
      `  ${address}`,
    ];
  }
  const warning = link.isEncrypted ? [] : [`  ${style('yellow', 'Nothing on the way there is encrypted.')}`];
  return [`  host: ${style('bold', plainLine(link.host, 300))}`, `  page: ${address}`, ...warning];
}

/** A field as it is listed: its name as it goes into `--input`, and what belongs in it. */
function fieldLine(field: FormField, style: Style): string {
  const facts = [field.isRequired ? 'required' : '', plainLine(fieldHint(field))].filter(Boolean).join(', ');
  const title = field.title === field.name ? '' : `: ${plainLine(field.title)}`;
  return `${plainLine(field.name, 100)}${title}${facts === '' ? '' : style('dim', `  (${facts})`)}`;
}

/** A field as it is asked for: with what the server says of it, its choices, and a warning where one is due. */
export function fieldText(field: FormField, style: Style): string {
  const lines = [`  ${style('bold', plainLine(field.title))}${field.isRequired ? ' *' : ''}`];
  if (field.description !== '') lines.push(...quoted(field.description));
  if (asksForSecret(field)) {
    lines.push(
      `  ${style('yellow', '! This looks like a password or a key. No MCP server may ask for one in a form.')}`,
    );
  }
  if ('options' in field) {
    lines.push(...field.options.map(({ title }, index) => `  ${index + 1}. ${plainLine(title)}`));
  }
  return `${lines.join('\n')}\n`;
}
