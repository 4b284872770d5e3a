import { expect, it } from 'vitest';
import { planOf } from './plan.ts';

it.each([{}, { plan: 1 }, { plan: '' }, { plan: ' \n\u200b\u2800\u3164\t' }])(
  'DECIDE-12: there is no plan in %j',
  (input) => {
    expect(planOf({ kind: 'plan', input })).toBeUndefined();
  },
);

it('returns the text of a plan, and of nothing else', () => {
  expect(planOf({ kind: 'plan', input: { plan: '# Go' } })).toBe('# Go');
  expect(planOf({ kind: 'permission', input: { plan: '# Go' } })).toBeUndefined();
});
