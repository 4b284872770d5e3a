import { expect, test } from 'vitest';
import type { Event } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { EventLines } from './event-lines.ts';

function written(bodies: object[]): { level: string; message: string; facts: object }[] {
  const told: { level: string; message: string; facts: object }[] = [];
  const at = (level: string) => (facts: object, message: string) => void told.push({ level, message, facts });
  const lines = new EventLines({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
  bodies.forEach((body, index) =>
    lines.write({ chatId: 'c', seq: index + 1, at: new Date(5_000 + 1_000 * index).toISOString(), ...body } as Event),
  );
  return told;
}

test('a turn logs its start, and its end with its prompts, outcome, duration and cost', () => {
  const started = { type: 'turn_started', turnId: 't', promptIds: ['p'] };
  const finished = { type: 'turn_finished', turnId: 't', outcome: 'completed', usage: noUsage, costUsd: 0.25 };
  const facts = { chatId: 'c', turnId: 't', promptIds: ['p'], ms: 1000, costUsd: 0.25, outputTokens: 0 };
  const begun = {
    level: 'debug',
    message: 'A turn has started.',
    facts: { chatId: 'c', turnId: 't', promptIds: ['p'] },
  };
  expect(written([started, finished])).toEqual([
    begun,
    { level: 'info', message: 'A turn has ended.', facts: { ...facts, outcome: 'completed' } },
  ]);
  const failed = { ...finished, outcome: 'failed', error: { code: 'model_error', message: 'The secret words.' } };
  expect(written([started, failed])).toEqual([
    begun,
    { level: 'warn', message: 'A turn failed.', facts: { ...facts, outcome: 'failed', code: 'model_error' } },
  ]);
});

test('a decision logs two lines, and neither contains the question or the answer', () => {
  const secret = { command: 'echo secret' };
  const told = written([
    { type: 'agent_message', content: [{ type: 'text', text: 'secret' }] },
    {
      type: 'decision_requested',
      decisionId: 'd',
      kind: 'permission',
      toolName: 'Bash',
      title: 'secret',
      input: secret,
    },
    { type: 'decision_resolved', decisionId: 'd', outcome: 'deny', by: 'web', message: 'secret', input: secret },
  ]);
  const facts = { chatId: 'c', decisionId: 'd' };
  expect(told).toEqual([
    {
      level: 'info',
      message: 'A decision is waiting for a person.',
      facts: { ...facts, kind: 'permission', toolName: 'Bash' },
    },
    { level: 'info', message: 'A decision was settled.', facts: { ...facts, outcome: 'deny', by: 'web' } },
  ]);
});

test('a held queue logs one line with the reason, and one when it resumes', () => {
  const held = { type: 'queue_held', reason: 'usage_limit', message: 'secret', resetsAt: null, resumesAt: null };
  expect(written([held, { type: 'queue_resumed', by: 'web' }])).toEqual([
    {
      level: 'warn',
      message: 'A chat’s queue is held.',
      facts: { chatId: 'c', reason: 'usage_limit', resumesAt: null },
    },
    { level: 'info', message: 'A chat’s queue was resumed.', facts: { chatId: 'c', by: 'web' } },
  ]);
});
