import { expect, it } from 'vitest';
import type { Chat } from '../../protocol/chat.ts';
import type { Event, TurnOutcome } from '../../protocol/event.ts';
import { changeOf, endOf } from './happenings.ts';

const since = '2026-01-01T00:00:00.000Z';
const chat = (state: Chat['state'], more: Partial<Chat> = {}): Chat =>
  ({ id: 'c', state, waiting: 0, hold: null, waitsFor: null, ...more }) as Chat;
const hold = { reason: 'usage_limit', message: 'The limit is reached.', since } as Chat['hold'];
const asks = (what: string): Chat['waitsFor'] => ({ for: 'person', since, what, retry: null });

it('WEB-61: a chat that still has prompts to take is not done', () => {
  expect(changeOf(chat('running'), chat('ready', { waiting: 1 }))).toBeUndefined();
  expect(changeOf(chat('running'), chat('warming'))).toBeUndefined();
  expect(changeOf(chat('waiting'), chat('running'))).toBeUndefined();
  expect(changeOf(chat('ready'), chat('cold'))).toBeUndefined();
  expect(changeOf(undefined, chat('ready'))).toBeUndefined();
  for (const state of ['ready', 'cold', 'failed'] as const)
    expect(changeOf(chat('running'), chat(state))).toEqual({ is: 'rest' });
});

it('WEB-61: prompts that are held wait for somebody, also where no turn has begun', () => {
  const held = { is: 'told', id: `c ${since}`, told: { what: 'Held', body: 'The limit is reached.' } };
  expect(changeOf(chat('running'), chat('running', { hold, waiting: 1 }))).toEqual(held);
  expect(changeOf(chat('warming', { waiting: 1 }), chat('failed', { hold, waiting: 1 }))).toEqual(held);
  // Once: what follows from it is no end of its own.
  expect(changeOf(chat('running', { hold }), chat('ready', { hold }))).toBeUndefined();
});

it('WEB-61: a screen of the terminal waits for somebody as a decision does', () => {
  const told = { is: 'told', id: `c ${since}`, told: { what: 'Waiting for you', body: 'A dialog.' } };
  expect(changeOf(chat('running'), chat('running', { waitsFor: asks('A dialog.') }))).toEqual(told);
  expect(changeOf(chat('running'), chat('waiting', { waitsFor: asks('Bash: ls') }))).toBeUndefined();
  const waits = chat('running', { waitsFor: asks('A dialog.') });
  expect(changeOf(waits, waits)).toBeUndefined();
});

it('WEB-61: the end of a turn is told as the log has it', () => {
  const end = (outcome: TurnOutcome, message?: string): Event =>
    ({ type: 'turn_finished', turnId: 't', outcome, ...(message && { error: { code: 'x', message } }) }) as never;
  const notice = { type: 'notice' } as Event;
  expect(endOf([end('failed'), end('completed'), notice], chat('ready'))).toEqual({
    turnId: 't',
    told: { what: 'Done', body: '' },
  });
  expect(endOf([end('failed', 'No credit.')], chat('ready'))?.told).toEqual({ what: 'Failed', body: 'No credit.' });
  expect(endOf([end('interrupted', 'The host ended.')], chat('cold'))?.told.what).toBe('Interrupted');
  expect(endOf([notice], chat('ready'))).toBeUndefined();
  const waitsFor = { for: 'background', since, what: 'npm test', retry: null } as const;
  expect(endOf([end('completed')], chat('ready', { waitsFor }))?.told.body).toBe('In the background: npm test');
});
