/** The tags that the program puts around text that was typed, pasted or printed. */
import { stripVTControlCharacters } from 'node:util';

/** The text between `<name>` and `</name>`; undefined if there is none. */
export function textBetween(text: string, name: string): string | undefined {
  const start = text.indexOf(`<${name}>`);
  if (start < 0) return undefined;
  const from = start + name.length + 2;
  const end = text.indexOf(`</${name}>`, from);
  return text.slice(from, end < 0 ? undefined : end);
}

/** A long paste is tagged for the model; readers want only the text. */
export function withoutPasteMarks(text: string): string {
  const marked = /^\s*<pasted_content id="([^"]*)">\n([\s\S]*)\n<\/pasted_content id="\1">\s*$/.exec(text);
  return marked?.[2] ?? text.replace(/^\u2800/, '');
}

export function withoutTags(text: string): string {
  return stripVTControlCharacters(text);
}
