/** The marks that the program puts around what was typed, pasted or printed. */
import { stripVTControlCharacters } from 'node:util';

/** What stands between `<name>` and `</name>`; undefined where nothing does. */
export function textBetween(text: string, name: string): string | undefined {
  const start = text.indexOf(`<${name}>`);
  if (start < 0) return undefined;
  const from = start + name.length + 2;
  const end = text.indexOf(`</${name}>`, from);
  return text.slice(from, end < 0 ? undefined : end);
}

/** A long paste is marked as one for the model; a reader wants the words alone. */
export function withoutPasteMarks(text: string): string {
  const marked = /^\s*<pasted_content id="([^"]*)">\n([\s\S]*)\n<\/pasted_content id="\1">\s*$/.exec(text);
  return marked?.[2] ?? text.replace(/^\u2800/, '');
}

export function withoutTags(text: string): string {
  return stripVTControlCharacters(text);
}
