import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseEntries } from './imported-entries.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const entry = (values: number): string => `{"type":"x","a":[${'0,'.repeat(values)}0]}`;

describe('ACCESS-8: the lines of a transcript', () => {
  it('are limited in their total number of values before they are parsed', () => {
    expect(parseEntries([entry(150_000)])).toHaveLength(1);
    expect(() => parseEntries([entry(150_000), entry(10), entry(50_000)])).toThrow(/^lines\[2\]: contains/);
    const parse = vi.spyOn(JSON, 'parse');
    expect(() => parseEntries([entry(250_000)])).toThrow(/^lines\[0\]: contains/);
    expect(() => parseEntries(['['.repeat(501)])).toThrow(/^lines\[0\]: is not an entry/);
    expect(parse).not.toHaveBeenCalled();
  });

  it.each(['{"type":"x"', '"x"', 'null', '[]', '{"type":1}', '{} {"type":"x"}', ''])(
    'are refused if one is not an entry: %s',
    (line) => {
      const refused = { code: 'invalid_request', details: { field: 'lines[1]' } };
      expect(() => parseEntries([entry(1), line])).toThrow(expect.objectContaining(refused));
      expect(() => parseEntries([entry(1), line])).toThrow(/^lines\[1\]: is not an entry of a transcript$/);
    },
  );

  it('are stored without the agent’s records of its requests', () => {
    expect(parseEntries(['{"type":"api-request-1"}', '{"type":"user"}'])).toEqual([{ type: 'user' }]);
  });
});
