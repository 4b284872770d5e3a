import { expect, test } from 'vitest';
import { logText } from './log-text.ts';

const line = (rest: object): string =>
  JSON.stringify({ level: 30, time: '2026-01-02T03:04:05.678Z', pid: 7, hostname: 'h', name: 'boocode', ...rest });

test('a line for people has the time, level, message and details', () => {
  expect(logText(line({ chatId: 'c', outcome: 'completed', ms: 12, msg: 'A turn finished.' }))).toBe(
    '03:04:05.678 info  A turn finished. chatId=c outcome=completed ms=12\n',
  );
  expect(logText(line({ level: 40, why: 'two words', list: ['a'], none: null, msg: 'Odd.' }))).toBe(
    '03:04:05.678 WARN  Odd. why="two words" list=["a"] none=null\n',
  );
});

test('an error is printed below its line, with its stack', () => {
  const err = { type: 'Error', message: 'It broke.', stack: 'Error: It broke.\n    at here (file:1)' };
  expect(logText(line({ level: 50, err, msg: 'A request failed.' }))).toBe(
    '03:04:05.678 ERROR A request failed.\n  Error: It broke.\n  at here (file:1)\n',
  );
});

test('CLI-2: nothing in a line moves the cursor or hides what follows', () => {
  const odd = '\u001b[2J\u009b1A\u202e\u0007';
  const told = logText(line({ [odd]: odd, err: { stack: odd }, msg: odd }));
  expect(told.replaceAll('\n', '')).toMatch(/^\P{C}+$/u);
  expect(told).toContain('\\u{1b}[2J\\u{9b}1A\\u{202e}\\u{7}');
});
