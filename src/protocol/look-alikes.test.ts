import { expect, it } from 'vitest';
import { lookAlike, sameLooking, skeletonOf } from './look-alikes.ts';

it.each([
  ['No', 'No\u200b'],
  ['No', ' N\u2060o\u00a0'],
  ['Allow', 'Аllow'],
  ['Allow', 'AIlow'],
  ['Allow all', 'Allow\u2003\u2800all'],
  ['yes', '𝐲ｅѕ'],
  ['O', '0'],
  ['modern', 'modem'],
  ['é', 'e\u0301'],
  ['a/b', 'a∕b'],
])('DECIDE-11: %j and %j look the same', (one, other) => {
  expect(skeletonOf(one)).toBe(skeletonOf(other));
});

it.each([
  ['Yes', 'No'],
  ['No', 'no'],
  ['Red', 'Rad'],
  ['1', '2'],
])('%j and %j do not', (one, other) => {
  expect(skeletonOf(one)).not.toBe(skeletonOf(other));
});

it('DECIDE-11: finds the entries of a list that look the same', () => {
  expect(sameLooking(['No', 'Yes', 'No\u200b', 'Maybe', 'Yеs'])).toEqual([
    [0, 2],
    [1, 4],
  ]);
  expect(sameLooking(['Yes', 'No'])).toEqual([]);
});

it('ASCII letters and distinct letters of other scripts are not look-alikes', () => {
  expect([lookAlike('a'), lookAlike('ä'), lookAlike('中')]).toEqual([undefined, undefined, undefined]);
});
