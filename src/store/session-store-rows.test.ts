import { expect, test } from 'vitest';
import { entriesOf, fold, fromColumn, text, toBatch, toColumn, toColumns, uuidsOf } from './session-store-rows.ts';

test('STORE-2: a batch holds each uuid once, and every entry without one', () => {
  const entries = [
    { type: 'a', uuid: 'one' },
    { type: 'b' },
    { type: 'c', uuid: '' },
    { type: 'd', uuid: 'one' },
    { type: 'e', uuid: 7 as unknown as string },
    { type: 'f', uuid: 'nul\u0000' },
  ];
  const batch = toBatch(entries);
  expect(batch.map(({ entry, uuid }) => [entry.type, uuid])).toEqual([
    ['a', 'one'],
    ['b', null],
    ['c', null],
    ['e', null],
    ['f', 'nul\\u0000'],
  ]);
  expect(
    entriesOf(batch)
      .split('\n')
      .map((json) => JSON.parse(json) as unknown),
  ).toEqual(entries.filter(({ type }) => type !== 'd'));
  expect(uuidsOf(batch).split('\n')).toEqual(['one', '', '', '', 'nul\\u0000']);
});

test('a key is stored as text that Postgres accepts, and its lock is that of the whole session', () => {
  const key = { projectKey: 'p"\u0000', sessionId: 's\ud800' };
  const main = toColumns(key);
  expect(main).toEqual({
    key,
    project: 'p\\"\\u0000',
    session: 's\\ud800',
    subpath: '',
    lock: JSON.stringify(['p\\"\\u0000', 's\\ud800']),
  });
  expect(toColumns({ ...key, subpath: 'sub"' })).toMatchObject({ subpath: 'sub\\"', lock: main.lock });
  expect(fromColumn(toColumn(key.projectKey))).toBe(key.projectKey);
  expect(() => toColumns({ ...key, subpath: '' })).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      message: 'A subpath must not be empty: leave it out for the main transcript.',
      details: { field: 'subpath' },
    }) as Error,
  );
});

test('STORE-3: a summary is folded from the previous one and the new entries', () => {
  const place = toColumns({ projectKey: 'p', sessionId: 's' });
  const entries = [{ type: 'a' }, { type: 'b' }];
  const folded: unknown[] = [];
  const foldSummary = (...given: unknown[]) => {
    folded.push(given);
    return { sessionId: 's', mtime: 0, data: { folded: folded.length } };
  };
  expect(fold(foldSummary, place, undefined, entries)).toBe('{"folded":1}');
  expect(fold(foldSummary, place, '{"folded":1}', entries)).toBe('{"folded":2}');
  expect(folded).toEqual([
    [undefined, place.key, entries],
    [{ sessionId: 's', mtime: 0, data: { folded: 1 } }, place.key, entries],
  ]);
});

test('an answer without the expected columns is refused', () => {
  expect(text([Buffer.from('ä')], 0)).toBe('ä');
  for (const row of [undefined, []]) expect(() => text(row, 0)).toThrow('an answer without the expected columns');
});
