import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { insteadOf, Redaction } from './redaction.ts';

const of = (...values: string[]): Redaction => {
  const redaction = new Redaction();
  redaction.add(values.map((value, index) => ({ name: `S${index}`, value })));
  return redaction;
};

/** Of few characters, so that beginnings and repetitions are common; never part of what stands in a value's place. */
const value = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', '\n', 'é', '🙂'), minLength: 8, maxLength: 14 });
const values = fc.array(value, { minLength: 1, maxLength: 3 });
const around = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', '\n', 'x'), maxLength: 12 });

describe('SECRET-5: what is taken out', () => {
  test('of a text in pieces, split anywhere, no value is left', () => {
    fc.assert(
      fc.property(values, fc.array(fc.tuple(around, fc.nat(2))), fc.array(fc.nat(60)), (all, parts, cuts) => {
        const redaction = of(...all);
        const text = parts.map(([before, which]) => before + (all[which % all.length] ?? '')).join('');
        const at = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].toSorted(
          (a, b) => a - b,
        );
        let shown = '';
        for (const [index, from] of at.entries()) shown += redaction.piece('one', text.slice(from, at[index + 1]));
        // What was held back is only a beginning, and comes with what no value goes on with.
        shown += redaction.piece('one', '\0');
        expect(shown.endsWith('\0')).toBe(true);
        for (const each of all) expect(shown).not.toContain(each);
        const whole = redaction.text(text);
        for (const each of all) expect(whole).not.toContain(each);
      }),
    );
  });

  test('of JSON, however often it is in a text of JSON, and of bytes', () => {
    fc.assert(
      fc.property(values, around, around, (all, before, after) => {
        const redaction = of(...all);
        const said = all.map((each) => before + each + after);
        for (const json of [
          JSON.stringify(redaction.deep({ said })),
          redaction.text(JSON.stringify({ said })),
          redaction.text(JSON.stringify(JSON.stringify({ said }))),
          Buffer.from(redaction.bytes(Buffer.from(JSON.stringify({ said })))).toString(),
        ]) {
          for (const each of all) expect(json).not.toContain(JSON.stringify(each).slice(1, -1));
        }
      }),
    );
  });

  test('a key of several lines, numbered, indented or in an address', () => {
    const key =
      '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n9w0BAQEFAASCMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n';
    const redaction = of(key, 'p@ss word/äöü');
    const lines = key.split('\n').map((line, index) => `${index}→  ${line}\r`);
    expect(redaction.text(lines.join('\n'))).not.toMatch(/MIIE|9w0B/);
    expect(redaction.text('https://x/?k=p%40ss%20word%2F%C3%A4%C3%B6%C3%BC')).toBe(`https://x/?k=${insteadOf('S1')}`);
    expect(redaction.text(String.raw`"p@ss word/\u00e4\u00f6\u00fc"`)).toBe(`"${insteadOf('S1')}"`);
  });

  test('what has none stays the same object, and names of fields count', () => {
    const redaction = of('abcdefgh');
    const plain = { a: ['x', { b: 1, c: null }], d: new Date(0) };
    expect(redaction.deep(plain)).toBe(plain);
    expect(redaction.deep({ abcdefgh: 1 })).toEqual({ [insteadOf('S0')]: 1 });
    const bytes = Buffer.from([0, 255, 1]);
    expect(redaction.bytes(bytes)).toBe(bytes);
  });

  test('of pieces, an innocent beginning is only late', () => {
    const redaction = of('abcdefgh');
    expect(['xab', 'cde', 'Z', 'abcdefg', 'h!'].map((piece) => redaction.piece('one', piece))).toEqual([
      'x',
      '',
      'abcdeZ',
      '',
      `${insteadOf('S0')}!`,
    ]);
    expect(redaction.piece('other', 'gh')).toBe('gh');
  });
});
