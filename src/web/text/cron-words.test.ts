import { describe, expect, test } from 'vitest';
import { cronWords } from './cron-words.ts';

describe('WEB-113: a pattern that people can say is in words', () => {
  test.each([
    ['0 9 * * *', 'every day at 09:00'],
    ['5 17 * * mon-fri', 'Monday to Friday at 17:05'],
    ['5 17 * * 1-5', 'Monday to Friday at 17:05'],
    ['0 9 * * 7', 'every Sunday at 09:00'],
    ['0 9 * * MON,wed,5', 'every Monday, Wednesday and Friday at 09:00'],
    ['0 9 1 * *', 'on day 1 of every month at 09:00'],
    ['* * * * *', 'every minute'],
    ['*/15 * * * *', 'every 15 minutes'],
    ['7 * * * *', 'every hour at minute 7'],
    // Not every 7 minutes: it starts over at the full hour.
    ['*/7 * * * *', null],
    ['0 9 1 * 1', null],
    ['0 9 * 6 *', null],
    ['0 9-17 * * *', null],
    ['0 9 * * mon#1', null],
    ['0 9 * * x-fri', null],
    ['*/15 9 * * *', null],
    ['0 0 9 * * *', null],
    ['', null],
  ])('%s', (cron, words) => {
    expect(cronWords(cron)).toBe(words);
  });
});
