import { expect, test } from 'vitest';
import { BooError } from '../../protocol/error.ts';
import { enter, escape, typedPrompt } from './typed-prompt.ts';

const type = (text: string): string => typedPrompt([{ type: 'text', text }]).batches.join('');
/** The content of the pastes, and whether anything but pastes and one Enter is typed. */
function pasted(keys: string): string[] {
  expect(keys.endsWith(enter)).toBe(true);
  const pieces = keys.slice(0, -1).split(`${escape}[201~`).slice(0, -1);
  expect(pieces.map((piece) => `${piece}${escape}[201~`).join('')).toBe(keys.slice(0, -1));
  return pieces.map((piece) => {
    expect(piece.startsWith(`${escape}[200~`)).toBe(true);
    return piece.slice(6);
  });
}
const text = (keys: string): string => pasted(keys).join('');

test('PTY-1: a prompt is pasted unchanged, and submitted with one Enter', () => {
  expect(pasted(type('Hello, world: 漢字 👩‍👩‍👧 é'))).toEqual(['Hello, world: 漢字 👩‍👩‍👧 é']);
  expect(text(type('one\ntwo\r\nthree\rfour'))).toBe('one\ntwo\nthree\nfour');
  expect(
    text(
      typedPrompt([
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ]).batches.join(''),
    ),
  ).toBe('a\n\nb');
});

test('PTY-2: none of its characters is a key: escape sequences, the end of a paste, control characters', () => {
  expect(text(type('a\x1b[201~\r!rm -rf x\x1b[31m'))).toBe('a␛[201~\n!rm -rf x␛[31m');
  const controls = Array.from({ length: 160 }, (_, code) => String.fromCharCode(code)).join('');
  expect(text(type(controls))).toMatch(/^(?:[^\p{Cc}]|[\n\t])*$/u);
});

test.each(['/cost', ' /clear', '\n/exit', '!ls', '  !ls', 'exit', ' QUIT ', ':q', ':wq!', '', '   ', '\n'])(
  'PTY-2: %j gets a mark in front that keeps it from being a command',
  (prompt) => {
    expect(text(type(prompt))).toBe(`\u2800${prompt}`);
  },
);

test.each(['\u200b/cost', '\ufeff !ls', '\u2060exit\u200b', '\u3164/clear', '／cost', '\u034f'])(
  'PTY-2: %j is guarded too: the program removes invisible characters before it looks for a command',
  (prompt) => expect(text(type(prompt))).toBe(`\u2800${prompt}`),
);

test('PTY-2: text that only looks like a command stays unchanged', () => {
  for (const prompt of ['exit the loop', 'a /cost', 'wow!', '# heading', '& more', '? why']) {
    expect(text(type(prompt))).toBe(prompt);
  }
  expect(text(type('a line that ends with \\'))).toBe('a line that ends with \\ ');
});

test('PTY-1: a long prompt is pasted in pieces that count as typed, a very long one in one piece', () => {
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index} ${'x'.repeat(index * 6)}`).join('\n');
  const pieces = pasted(type(lines));
  expect(pieces.join('')).toBe(lines);
  for (const piece of pieces) {
    expect(piece.length).toBeLessThanOrEqual(600);
    expect(piece.split('\n').length).toBeLessThanOrEqual(3);
  }
  const faces = '😀'.repeat(1_000);
  const halves = pasted(type(faces));
  expect(halves.join('')).toBe(faces);
  for (const half of halves) expect(Buffer.from(half).toString()).toBe(half);
  expect(pasted(type('y'.repeat(1_000_000)))).toHaveLength(1);
});

test('an image is refused with the name of the field', () => {
  expect(() => typedPrompt([{ type: 'image', mimeType: 'image/png', data: 'AAAA' }])).toThrow(BooError);
  expect(() => typedPrompt([{ type: 'image', mimeType: 'image/png', data: 'AAAA' }])).toThrow(/^content:/);
});

test('PTY-9: is typed in batches that end with a sequence, two of which the program reads at once', () => {
  const lines = Array.from({ length: 500 }, (_, index) => `line ${index} é漢`).join('\n');
  const { batches } = typedPrompt([{ type: 'text', text: lines }]);
  expect(batches.length).toBeGreaterThan(5);
  for (const batch of batches) {
    expect(batch.startsWith(`${escape}[200~`)).toBe(true);
    expect(batch.replace(enter, '').endsWith(`${escape}[201~`)).toBe(true);
    expect(Buffer.byteLength(batch)).toBeLessThanOrEqual(2_001);
  }
  const { batches: marked } = typedPrompt([{ type: 'text', text: 'x'.repeat(40_000) }]);
  expect(marked).toEqual([`${escape}[200~${'x'.repeat(40_000)}`, `${escape}[201~${enter}`]);
});
