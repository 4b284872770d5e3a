import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PasteReader, quietMs, splitMs, staleMs } from './paste-reader.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const [start, end] = ['\x1b[200~', '\x1b[201~'];

/** The result of the given reads: keys as they are, pastes as `<…>`. A number is a pause in milliseconds. */
function read(...reads: (string | Uint8Array | number)[]): string {
  let seen = '';
  const reader = new PasteReader({
    onKeys: (data) => (seen += data.toString()),
    onPaste: (text) => (seen += `<${text}>`),
    onStale(data) {
      if (data.toString() !== '\x1d') return false;
      seen += '(left)';
      return true;
    },
  });
  for (const each of reads) {
    if (typeof each === 'number') vi.advanceTimersByTime(each);
    else reader.push(Buffer.from(each));
  }
  reader.close();
  return seen;
}

/** The text in two pieces, cut at every place. */
const cuts = (text: string): [Buffer, Buffer][] => {
  const whole = Buffer.from(text);
  return Array.from({ length: whole.length - 1 }, (_, at) => [whole.subarray(0, at + 1), whole.subarray(at + 1)]);
};

describe('TERM-10: pasted text', () => {
  it('is distinguished from keys, however it is split', () => {
    expect(read(`ab${start}日本\n${end}`, quietMs, '\r')).toBe('ab<日本\n>\r');
    for (const [first, second] of cuts(`ab${start}日本\n${end}`)) {
      expect(read(first, 5, second, quietMs, '\r')).toBe('ab<日本\n>\r');
      // The start of the bracket has been passed on as keys by then, and the paste is still recognized.
      // oxlint-disable-next-line no-control-regex -- the bracket itself
      expect(read(first, splitMs, second, quietMs, '\r')).toMatch(/^ab(?:\u001b[[20]*)?<日本\n>\r$/);
    }
  });

  it('may contain an end bracket: what immediately follows it is part of the paste, however it is split', () => {
    const hostile = `${start}one${end}\r!two\x1d\r${end}`;
    expect(read(hostile, quietMs, 'k')).toBe(`<one${end}\r!two\x1d\r>k`);
    for (const [first, second] of cuts(hostile)) {
      const seen = read(first, 5, second, quietMs, 'k');
      expect(seen.replaceAll(/<[^>]*>/g, '')).toBe('k');
    }
  });

  it('is still text when its rest arrives late, if an end bracket comes with it', () => {
    expect(read(`${start}one${end}`, quietMs, `\r!two\r${end}`, quietMs, 'k')).toBe('<one><\r!two\r>k');
  });

  it('includes an Enter that arrives immediately, but no key that arrives a moment later', () => {
    expect(read(`${start}one${end}\r`, quietMs, '\r')).toBe('<one\r>\r');
    expect(read(`${start}one${end}`, quietMs, '\r')).toBe('<one>\r');
    expect(read(`${start}one${end}`, quietMs - 1, '\r', quietMs, '\r')).toBe('<one\r>\r');
  });

  it('several times in a row counts as several pastes', () => {
    expect(read(`${start}one${end}`, quietMs, `${start}two${end}`, quietMs)).toBe('<one><two>');
  });

  it('that never ends does not prevent detaching', () => {
    expect(read(`${start}one`, staleMs, '\x1d')).toBe('<one>(left)');
    expect(read(`${start}one\x1d`, '\x1d', staleMs, `two${end}`, quietMs, 'k')).toBe('<one\x1d\x1d><two>k');
  });

  it('of several megabytes arrives complete, in pieces', () => {
    const text = '日本 text\n'.repeat(200_000);
    const whole = Buffer.from(`${start}${text}${end}`);
    const reads = Array.from({ length: Math.ceil(whole.length / 65_536) }, (_, at) =>
      whole.subarray(at * 65_536, (at + 1) * 65_536),
    );
    expect(read(...reads, quietMs, 'k').replaceAll(/[<>]/g, '') === `${text}k`).toBe(true);
  });
});

describe('keys', () => {
  it('are passed on immediately, Escape after a moment', () => {
    expect(read('a')).toBe('a');
    expect(read('\x1b')).toBe('');
    expect(read('\x1b', splitMs)).toBe('\x1b');
    expect(read('\x1b', '[A')).toBe('\x1b[A');
    expect(read('\x1b[2', splitMs, '~')).toBe('\x1b[2~');
  });
});
