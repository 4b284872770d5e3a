import { expect, it } from 'vitest';
import type { Chat } from '../../protocol/chat.ts';
import type { Event, TurnOutcome } from '../../protocol/event.ts';
import { chatChange, turnEndNotice } from './chat-change.ts';

const since = '2026-01-01T00:00:00.000Z';
const chat = (state: Chat['state'], more: Partial<Chat> = {}): Chat =>
  ({ id: 'c', state, waiting: 0, hold: null, waitsFor: null, ...more }) as Chat;
const hold = { reason: 'usage_limit', message: 'The limit is reached.', since } as Chat['hold'];
const asks = (what: string): Chat['waitsFor'] => ({ for: 'person', since, what, retry: null });

it('WEB-61: a chat with more queued prompts is not done', () => {
  expect(chatChange(chat('running'), chat('ready', { waiting: 1 }))).toBeUndefined();
  expect(chatChange(chat('running'), chat('warming'))).toBeUndefined();
  expect(chatChange(chat('waiting'), chat('running'))).toBeUndefined();
  expect(chatChange(chat('ready'), chat('cold'))).toBeUndefined();
  expect(chatChange(undefined, chat('ready'))).toBeUndefined();
  for (const state of ['ready', 'cold', 'failed'] as const)
    expect(chatChange(chat('running'), chat(state))).toEqual({ type: 'turn_ended' });
});

it('WEB-61: held prompts cause a notification, even if no turn has started', () => {
  const held = { type: 'notice', id: `c ${since}`, notice: { status: 'Held', body: 'The limit is reached.' } };
  expect(chatChange(chat('running'), chat('running', { hold, waiting: 1 }))).toEqual(held);
  expect(chatChange(chat('warming', { waiting: 1 }), chat('failed', { hold, waiting: 1 }))).toEqual(held);
  // The end of the turn that caused the hold is not a second notification.
  expect(chatChange(chat('running', { hold }), chat('ready', { hold }))).toBeUndefined();
});

it('WEB-61: a dialog in the terminal causes a notification, and only one', () => {
  const notice = { type: 'notice', id: `c ${since}`, notice: { status: 'Waiting for you', body: 'A dialog.' } };
  expect(chatChange(chat('running'), chat('running', { waitsFor: asks('A dialog.') }))).toEqual(notice);
  expect(chatChange(chat('running'), chat('waiting', { waitsFor: asks('Bash: ls') }))).toBeUndefined();
  const waits = chat('running', { waitsFor: asks('A dialog.') });
  expect(chatChange(waits, waits)).toBeUndefined();
});

it('WEB-61: the notification of a turn’s end reports the outcome in the log', () => {
  const end = (outcome: TurnOutcome, message?: string): Event =>
    ({ type: 'turn_finished', turnId: 't', outcome, ...(message && { error: { code: 'x', message } }) }) as never;
  const other = { type: 'notice' } as Event;
  expect(turnEndNotice([end('failed'), end('completed'), other], chat('ready'))).toEqual({
    turnId: 't',
    notice: { status: 'Done', body: '' },
  });
  expect(turnEndNotice([end('failed', 'No credit.')], chat('ready'))?.notice).toEqual({
    status: 'Failed',
    body: 'No credit.',
  });
  expect(turnEndNotice([end('interrupted', 'The host ended.')], chat('cold'))?.notice.status).toBe('Interrupted');
  expect(turnEndNotice([other], chat('ready'))).toBeUndefined();
  const waitsFor = { for: 'background', since, what: 'npm test', retry: null } as const;
  expect(turnEndNotice([end('completed')], chat('ready', { waitsFor }))?.notice.body).toBe(
    'In the background: npm test',
  );
});

it('WEB-70: the notification of a turn whose decision was cancelled does not say that it continues', () => {
  const end = {
    type: 'turn_finished',
    turnId: 't',
    outcome: 'interrupted',
    openDecisionIds: ['d'],
    error: { code: 'host_restarted', message: 'The turn continues when the decision is answered.' },
  } as Event;
  const cancelled = { type: 'decision_resolved', decisionId: 'd', outcome: 'cancelled' } as Event;
  expect(turnEndNotice([end, cancelled], chat('ready'))?.notice).toEqual({ status: 'Interrupted', body: '' });
  const lost = { type: 'notice', code: 'decision_without_effect', message: 'Why.', data: { decisionId: 'd' } };
  expect(turnEndNotice([end, lost as never], chat('ready'))?.notice.body).toBe('Why.');
});
