/** Log lines for people: the time of day, the level if it matters, the sentence, then the facts. */

const levels: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };
const ofEveryLine = new Set(['level', 'time', 'name', 'pid', 'hostname', 'msg', 'err']);

/** `line` is one JSON line as pino writes it. Whatever it contains, nothing in the result moves a terminal's cursor. */
export function logText(line: string): string {
  const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(rest)
    .filter(([name]) => !ofEveryLine.has(name))
    .map(([name, value]) => `${visible(name)}=${factText(value)}`);
  const at = typeof time === 'string' ? time.slice(11, 23) : '';
  const head = [at, (levels[Number(level)] ?? '').padEnd(5), visible(textOf(msg)), ...facts].join(' ');
  return `${[head, ...errorLines(err)].join('\n')}\n`;
}

function factText(value: unknown): string {
  if (typeof value === 'string') return /^[\x21\x23-\x7e]+$/.test(value) ? value : visible(JSON.stringify(value));
  return visible(JSON.stringify(value) ?? 'undefined');
}

function errorLines(err: unknown): string[] {
  if (typeof err !== 'object' || err === null) return err === undefined ? [] : [`  ${factText(err)}`];
  const { stack, message } = err as { stack?: unknown; message?: unknown };
  return textOf(stack ?? message ?? JSON.stringify(err))
    .split('\n')
    .map((each) => `  ${visible(each.trim())}`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** Control characters, and what reorders or hides text, by their numbers. */
function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
