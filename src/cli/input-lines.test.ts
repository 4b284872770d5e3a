import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { openInputLines } from './input-lines.ts';

it('returns line after line, even a last one without a line end, then null', async () => {
  const input = new PassThrough();
  const lines = openInputLines(input);
  input.write('one\r\n\ntw');
  input.end('o');
  expect([await lines.next(), await lines.next(), await lines.next(), await lines.next(), await lines.next()]).toEqual([
    'one',
    '',
    'two',
    null,
    null,
  ]);
});

it('reads only on demand, so that an open pipe keeps no process alive', async () => {
  const input = new PassThrough();
  const lines = openInputLines(input);
  expect(input.isPaused()).toBe(true);
  const line = lines.next();
  expect(input.isPaused()).toBe(false);
  input.write('y\n');
  expect(await line).toBe('y');
  expect(input.isPaused()).toBe(true);
});

it('keeps the line meant for a withdrawn question for the next one', async () => {
  const input = new PassThrough();
  const lines = openInputLines(input);
  const abort = new AbortController();
  const withdrawn = lines.next(abort.signal);
  abort.abort();
  expect(await withdrawn).toBeUndefined();
  expect(await lines.next(abort.signal)).toBeUndefined();
  input.write('y\n');
  expect(await lines.next()).toBe('y');
});

it('returns all remaining input', async () => {
  const input = new PassThrough();
  const lines = openInputLines(input);
  input.write('one\ntwo\n');
  expect(await lines.next()).toBe('one');
  input.end('three');
  expect(await lines.rest()).toBe('two\nthree');
});
