import { describe, expect, it } from 'vitest';
import { replay } from '../../../../test/support/recorded-frames.ts';
import { mapSdkMessage, type UnknownFrame } from './map-sdk-message.ts';
import { createMappingState, type Mapped } from './mapping-state.ts';

const init = { type: 'system', subtype: 'init', session_id: 's1', model: 'opus', permissionMode: 'default' };
const begun = mapSdkMessage(init, createMappingState()).state;
const map = (frame: UnknownFrame): Mapped => mapSdkMessage(frame, begun);
const run = (frames: UnknownFrame[]): ReturnType<typeof replay> => replay(frames, begun);

describe('notices', () => {
  const system = (subtype: string, fields: Record<string, unknown>): UnknownFrame => ({
    type: 'system',
    subtype,
    ...fields,
  });

  it.each<[UnknownFrame, object]>([
    [
      {
        type: 'rate_limit_event',
        rate_limit_info: { status: 'rejected', rateLimitType: 'five_hour', resetsAt: 1_700_000_000 },
      },
      {
        level: 'error',
        code: 'rate_limited',
        message: "The plan's five-hour limit is reached. It resets at 2023-11-14T22:13:20.000Z.",
      },
    ],
    [
      { type: 'rate_limit_event', rate_limit_info: { status: 'allowed_warning', utilization: 0.9, resetsAt: 1e300 } },
      { level: 'warning', code: 'rate_limited', data: { status: 'allowed_warning', utilization: 0.9 } },
    ],
    [
      system('mirror_error', { error: 'down', key: { subpath: '' } }),
      { level: 'error', code: 'transcript_not_stored' },
    ],
    [
      system('session_writes_lost', { error_code: 'ENOSPC', lost: ['transcript'] }),
      { level: 'error', code: 'session_writes_lost' },
    ],
    [
      system('model_refusal_fallback', { content: 'Switched.', fallback_model: 'b' }),
      { code: 'model_refusal', message: 'Switched.' },
    ],
    [
      system('model_fallback', {
        content: 'Switched.',
        original_model: 'a',
        fallback_model: 'b',
        trigger: 'overloaded',
      }),
      {
        level: 'warning',
        code: 'model_fallback',
        message: 'Switched.',
        data: { originalModel: 'a', fallbackModel: 'b' },
      },
    ],
    [
      system('model_consent_fallback', { fallback_model: 'b' }),
      { code: 'model_fallback', message: 'b answers instead.' },
    ],
    [system('informational', { content: 'Mind.', level: 'warning' }), { level: 'warning', message: 'Mind.' }],
    [system('notification', { text: 'Look.', priority: 'low', key: 'k' }), { level: 'info', code: 'notification' }],
    [
      system('plugin_install', { status: 'failed', name: 'p', error: 'e' }),
      { level: 'warning', code: 'plugin_failed' },
    ],
    [
      { type: 'auth_status', isAuthenticating: false, output: [], error: 'expired' },
      { level: 'error', code: 'sign_in_failed' },
    ],
    [
      system('api_retry', {
        attempt: 2,
        max_retries: 10,
        retry_delay_ms: 1234,
        error_status: 529,
        error: 'overloaded',
      }),
      { code: 'api_retry', message: 'The model API failed (HTTP 529, overloaded). Retry 2 of 10 starts in 1.2 s.' },
    ],
  ])('%j', (frame, expected) => {
    expect(map(frame).events).toMatchObject([{ type: 'notice', ...expected }]);
  });

  it.each<UnknownFrame>([
    { type: 'rate_limit_event', rate_limit_info: { status: 'allowed' } },
    { type: 'auth_status', isAuthenticating: false, output: [] },
    system('plugin_install', { status: 'completed' }),
    system('hook_response', { outcome: 'success' }),
    system('status', { status: 'requesting' }),
  ])('%j is not reported', (frame) => {
    expect(map(frame)).toMatchObject({ events: [] });
  });

  it('flag a transcript that was not stored, and say when the agent is idle', () => {
    expect(map(system('mirror_error', {})).mirrorFailed).toBe(true);
    expect(map(system('session_state_changed', { state: 'idle' })).sessionState).toBe('idle');
    expect(map(system('session_state_changed', { state: 'odd' })).sessionState).toBeUndefined();
  });

  it('name the answers that a refusal withdrew', () => {
    const half = { id: 'msg', model: 'opus', content: [{ type: 'text', text: 'half' }] };
    const { events } = run([
      { type: 'assistant', message: half, parent_tool_use_id: null, uuid: 'gone' },
      system('model_refusal_fallback', { retracted_message_uuids: ['gone'] }),
    ]);
    expect(events[1]).toMatchObject({ code: 'model_refusal', data: { ids: ['msg/0'] } });
  });

  it('are not used for a local command’s output, which is an answer', () => {
    const { events } = run([
      system('local_command_output', { content: '42 %', uuid: 'u' }),
      { type: 'result', subtype: 'success', is_error: false, result: '42 %' },
    ]);
    expect(events).toMatchObject([{ type: 'agent_message', messageId: 'local/u' }, { type: 'turn_finished' }]);
  });
});

describe('background tasks', () => {
  const level = (tasks: unknown[]): UnknownFrame => ({ type: 'system', subtype: 'background_tasks_changed', tasks });
  const ended = (fields: object): UnknownFrame => ({
    type: 'system',
    subtype: 'task_notification',
    task_id: 'b1',
    status: 'failed',
    summary: 'exit code 1',
    ...fields,
  });

  it('are a list that replaces the previous one, without entries that show no activity', () => {
    const task = { task_id: 'b1', task_type: 'local_bash', description: 'Build\nall' };
    const { events } = run([level([task, { task_id: 'x', ambient: true }]), level([task]), level([])]);
    expect(events).toEqual([
      { type: 'background_tasks', tasks: [{ taskId: 'b1', kind: 'local_bash', description: 'Build␊all' }] },
      { type: 'background_tasks', tasks: [] },
    ]);
  });

  it('are reported when they end, unless a call waited for them', () => {
    const started = { type: 'system', subtype: 'task_started', task_id: 'b1', is_backgrounded: false };
    const moved = { type: 'system', subtype: 'task_updated', task_id: 'b1', patch: { is_backgrounded: true } };
    const notice = {
      type: 'notice',
      level: 'warning',
      code: 'task_ended',
      message: 'A background task failed: exit code 1',
    };
    expect(run([ended({})]).events).toMatchObject([notice]);
    expect(run([started, ended({})]).events).toEqual([]);
    expect(run([started, moved, ended({})]).events).toMatchObject([notice]);
    expect(run([ended({ ambient: true }), ended({ skip_transcript: true })]).events).toEqual([]);
  });
});

describe('TURN-18: hooks', () => {
  const ended = (fields: object): UnknownFrame => ({
    type: 'result',
    subtype: 'success',
    total_cost_usd: 0,
    ...fields,
  });
  const refused = (kind: string, reason: unknown): UnknownFrame => ({
    type: 'system',
    subtype: 'informational',
    content: 'UserPromptSubmit operation blocked by hook: no',
    level: 'warning',
    prevent_continuation: true,
    prompt_submit_outcome: { kind, reason },
  });

  it.each([
    ['blocked_by_hook', 'no', 'A hook refused this prompt: no'],
    ['stopped_by_hook', '', 'A hook refused this prompt.'],
  ])('one that refuses a prompt (%s) fails the turn, and its message is not an answer', (kind, reason, message) => {
    const { events, state } = run([refused(kind, reason), ended({ result: 'UserPromptSubmit operation blocked' })]);
    expect(events.map(({ type }) => type)).toEqual(['notice', 'turn_finished']);
    expect(events.at(-1)).toMatchObject({ outcome: 'failed', error: { code: 'hook_stopped', message } });
    // The next turn is not affected.
    expect(mapSdkMessage(ended({}), state).events.at(-1)).toMatchObject({ outcome: 'completed' });
  });

  it('one that stops a turn fails it, and one that ends it after the answer does not', () => {
    const stopped = { outcome: 'failed', error: { code: 'hook_stopped', message: 'A hook stopped this turn.' } };
    expect(run([ended({ terminal_reason: 'hook_stopped' })]).events.at(-1)).toMatchObject(stopped);
    expect(run([ended({ terminal_reason: 'stop_hook_prevented' })]).events.at(-1)).toMatchObject({
      outcome: 'completed',
    });
  });

  it('the message of a Stop hook is reported', () => {
    const content = [{ type: 'text', text: 'Stop hook feedback:\nRun the tests.' }];
    expect(run([{ type: 'user', message: { role: 'user', content }, isSynthetic: true }]).events).toMatchObject([
      { type: 'notice', code: 'hook_feedback', message: 'A Stop hook made the agent continue: Run the tests.' },
    ]);
  });

  it('messages do not mention keys of the program’s own screen', () => {
    const text = 'stop hook problem · ctrl+o to see';
    const frame = { type: 'system', subtype: 'notification', key: 'stop-hook-error', text, priority: 'immediate' };
    expect(run([frame]).events).toMatchObject([{ message: 'stop hook problem' }]);
  });
});
