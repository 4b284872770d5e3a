import { describe, expect, it } from 'vitest';
import { detachKey } from './detach-key.ts';

const find = (input: string, key = 'ctrl-]'): number => detachKey(key).find(Buffer.from(input));

describe('the key that detaches', () => {
  it.each([
    ['abc\x1d', 3],
    ['\x1d', 0],
    ['\x1b[93;5u', 0],
    ['x\x1b[93;69u', 1], // with caps lock
    ['\x1b[93;5:1u', 0],
    ['\x1b[27;5;93~', 0],
  ])('is found in %j', (input, at) => expect(find(input)).toBe(at));

  it.each(['abc', '', ']', '\x1b[93u', '\x1b[93;6u', '\x1b[93;5:3u', '\x1b[94;5u'])('is not in %j', (input) =>
    expect(find(input)).toBe(-1),
  );

  it('can be changed', () => {
    expect(detachKey('ctrl-q').name).toBe('Ctrl-Q');
    expect(find('\x11', 'CTRL-Q')).toBe(0);
    expect(find('\x1b[113;5u', 'ctrl-q')).toBe(0);
    expect(find('\x1d', 'ctrl-q')).toBe(-1);
  });

  it.each(['q', 'ctrl-', 'ctrl-1', 'ctrl-ab', 'ctrl-m', 'ctrl-I', 'ctrl-[', 'alt-q'])('cannot be %j', (key) =>
    expect(() => detachKey(key)).toThrow('Use ctrl-'),
  );
});
