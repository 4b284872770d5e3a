import { expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { createSignInCodes } from './sign-in-codes.ts';

function codesAt(): { codes: ReturnType<typeof createSignInCodes>; pass: (ms: number) => void } {
  let nowMs = 0;
  const codes = createSignInCodes({ ...systemClock, monotonicMs: () => nowMs });
  return { codes, pass: (ms) => (nowMs += ms) };
}

it('ACCESS-4: works once per code, and only for an issued code', () => {
  const { codes } = codesAt();
  const code = codes.issue();
  expect(Buffer.from(code, 'base64url')).toHaveLength(32);
  expect(codes.issue()).not.toBe(code);
  expect(codes.redeem('')).toBe(false);
  expect(codes.redeem(`${code}x`)).toBe(false);
  expect(codes.redeem(code)).toBe(true);
  expect(codes.redeem(code)).toBe(false);
});

it('works for ten minutes', () => {
  const { codes, pass } = codesAt();
  const [early, late] = [codes.issue(), codes.issue()];
  pass(10 * 60_000 - 1);
  expect(codes.redeem(early)).toBe(true);
  pass(1);
  expect(codes.redeem(late)).toBe(false);
});

it('keeps only the newest few', () => {
  const { codes } = codesAt();
  const issued = Array.from({ length: 100 }, () => codes.issue());
  expect(issued.map((code) => codes.redeem(code)).filter(Boolean)).toHaveLength(8);
  expect(codes.redeem(codes.issue())).toBe(true);
});
