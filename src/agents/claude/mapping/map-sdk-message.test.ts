import { describe, expect, it } from 'vitest';
import type { AgentEvent } from '../../agent-backend.ts';
import { mapSdkMessage, silentFrames, type UnknownFrame } from './map-sdk-message.ts';
import { createMappingState, type Mapped, type MappingState, withInterruptAsked } from './mapping-state.ts';
import { readTotals } from './model-costs.ts';

const init = { type: 'system', subtype: 'init', session_id: 's1', model: 'opus', permissionMode: 'default' };
const begun = mapSdkMessage(init, createMappingState()).state;

function map(frame: UnknownFrame, state: MappingState = begun): Mapped {
  return mapSdkMessage(frame, state);
}

function run(frames: UnknownFrame[], from: MappingState = begun): { events: AgentEvent[]; state: MappingState } {
  let state = from;
  const events = frames.flatMap((frame) => {
    const next = mapSdkMessage(frame, state);
    state = next.state;
    return next.events;
  });
  return { events, state };
}

function assistant(content: unknown[], more: Record<string, unknown> = {}): UnknownFrame {
  const message = { id: 'msg', model: 'opus', role: 'assistant', content };
  return { type: 'assistant', message, parent_tool_use_id: null, uuid: `u${content.length}`, ...more };
}

function result(more: Record<string, unknown> = {}): UnknownFrame {
  const base = { subtype: 'success', is_error: false, result: '', total_cost_usd: 0, modelUsage: {} };
  return { type: 'result', uuid: 'r', session_id: 's1', ...base, ...more };
}

describe('AGENT-8: frames outside the union', () => {
  it.each<[UnknownFrame, string]>([
    [null, 'null'],
    [undefined, 'undefined'],
    ['text', 'string'],
    [7, 'number'],
    [[], 'object'],
    [{}, '(undefined)'],
    [{ type: 'command_lifecycle' }, 'command_lifecycle'],
    [{ type: 'system', subtype: 'brand_new' }, 'system/brand_new'],
    [{ type: 'system' }, 'system'],
    [{ type: 'system', subtype: 3 }, 'system/(number)'],
    [{ type: '__proto__' }, '__proto__'],
    [{ type: 'constructor' }, 'constructor'],
    [{ type: 'stream_event', event: { type: 'error' } }, 'stream_event/error'],
    [{ type: 'odd\u001b[6n' }, 'odd␛[6n'],
  ])('%j is named %s', (frame, name) => {
    expect(map(frame)).toEqual({ events: [], state: begun, unmapped: name });
  });

  it('frames that are ignored on purpose produce nothing', () => {
    for (const name of Object.keys(silentFrames)) {
      const [type, subtype] = name.split('/');
      expect(map({ type, ...(subtype === undefined ? {} : { subtype }) })).toEqual({ events: [], state: begun });
    }
  });
});

describe('the session', () => {
  it('starts at the first init; later ones only report changes', () => {
    expect(map(init, createMappingState()).events).toEqual([
      { type: 'session_started', sessionId: 's1', backend: 'claude_sdk', model: 'opus' },
    ]);
    expect(map(init).events).toEqual([]);
    expect(map({ ...init, permissionMode: 'plan' }).events).toEqual([
      { type: 'current_mode_update', permissionMode: 'plan' },
    ]);
    expect(map({ ...init, permissionMode: 'no such mode' }).events).toEqual([]);
    const moved = map({ ...init, session_id: 's2' });
    expect(moved.events).toMatchObject([
      { type: 'session_started', sessionId: 's2' },
      { type: 'notice', level: 'warning', code: 'session_changed' },
    ]);
    expect(moved.state.sessionId).toBe('s2');
  });

  it('reports immediately if it started in another mode than the chat requested', () => {
    const { events } = map(init, createMappingState({ permissionMode: 'acceptEdits' }));
    expect(events.map(({ type }) => type)).toEqual(['session_started', 'current_mode_update']);
  });

  it('names commands except those of the terminal, and keeps descriptions', () => {
    const commands = { slash_commands: ['compact', 'exit'], terminal_slash_commands: ['exit'] };
    expect(map({ ...init, ...commands }).events).toEqual([
      { type: 'available_commands_update', commands: [{ name: 'compact', description: '' }] },
    ]);
    const changed = { type: 'system', subtype: 'commands_changed', commands: [{ name: 'x', description: 'Does x.' }] };
    const { events } = run([changed, { ...init, ...commands }]);
    expect(events).toEqual([{ type: 'available_commands_update', commands: [{ name: 'x', description: 'Does x.' }] }]);
  });

  it('holds back events before the init', () => {
    const hook = {
      type: 'system',
      subtype: 'hook_response',
      hook_name: 'SessionStart',
      outcome: 'error',
      stderr: 'no',
    };
    const { events } = run([hook, init], createMappingState());
    expect(events.map(({ type }) => type)).toEqual(['session_started', 'notice']);
  });

  it('finishes a turn for which no init came', () => {
    const failed = result({ subtype: 'error_during_execution', is_error: true, errors: ['No such folder.'] });
    expect(map(failed, createMappingState()).events).toMatchObject([
      { type: 'turn_finished', outcome: 'failed', error: { code: 'agent_failed' } },
    ]);
  });
});

describe('an answer', () => {
  it('keeps sub-agents apart', () => {
    const frame = assistant([{ type: 'text', text: 'hi' }], { parent_tool_use_id: 't1' });
    expect(map(frame).events).toEqual([
      { type: 'agent_message', messageId: 'msg/0', content: [{ type: 'text', text: 'hi' }], parentToolCallId: 't1' },
    ]);
  });

  it('counts unreadable thinking', () => {
    const blocks = [
      { type: 'redacted_thinking', data: 'x' },
      { type: 'thinking', thinking: '', signature: 's' },
    ];
    expect(map(assistant(blocks))).toMatchObject({ events: [], dropped: ['thinking/redacted', 'thinking/empty'] });
  });

  it('maps tools that the API runs, with their results', () => {
    const { events } = run([
      assistant([
        { type: 'server_tool_use', id: 'w1', name: 'web_search', input: { query: 'boo' } },
        {
          type: 'web_search_tool_result',
          tool_use_id: 'w1',
          content: [{ type: 'web_search_result', title: 'Boo', url: 'https://example.org' }],
        },
        { type: 'mcp_tool_use', id: 'm1', name: 'find', server_name: 's', input: {} },
        { type: 'mcp_tool_result', tool_use_id: 'm1', is_error: true, content: [{ type: 'text', text: 'broken' }] },
      ]),
    ]);
    expect(events).toMatchObject([
      { type: 'tool_call', toolCallId: 'w1', title: 'Search the web: boo', kind: 'fetch' },
      {
        type: 'tool_call_update',
        status: 'completed',
        content: [{ type: 'content', content: { type: 'text', text: 'Boo – https://example.org' } }],
      },
      { type: 'tool_call', toolCallId: 'm1' },
      { type: 'tool_call_update', status: 'failed', content: [{ content: { text: 'broken' } }] },
    ]);
  });

  it('reports a call once when the agent sends its message again', () => {
    const frame = assistant([{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } }]);
    expect(run([frame, frame]).events).toHaveLength(1);
  });

  it('names what it replaces', () => {
    const { events } = run([
      assistant([{ type: 'text', text: 'wrong' }], { uuid: 'old' }),
      assistant([{ type: 'text', text: 'right' }], { uuid: 'new', supersedes: ['old', 'unknown'] }),
    ]);
    expect(events).toMatchObject([
      { type: 'agent_message', messageId: 'msg/0' },
      { type: 'notice', code: 'superseded', data: { ids: ['msg/0'] } },
      { type: 'agent_message', messageId: 'msg/1' },
    ]);
  });

  it('does not consist of an API error, which belongs to the turn', () => {
    const { events } = run([
      assistant([{ type: 'text', text: 'API Error: 529' }], {
        message: { id: 'x', model: '<synthetic>', content: [{ type: 'text', text: 'API Error: 529' }] },
        error: 'overloaded',
      }),
      result({ is_error: true, result: 'API Error: 529', api_error_status: 529 }),
    ]);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: 'turn_finished',
      outcome: 'failed',
      error: { code: 'model_error', message: expect.stringContaining('overloaded') as string },
    });
  });

  it('reports a sub-agent’s API error immediately, and lets the turn complete', () => {
    const message = { id: 'x', model: '<synthetic>', content: [{ type: 'text', text: 'API Error: 529' }] };
    const { events } = run([assistant([], { message, error: 'overloaded', parent_tool_use_id: 't1' }), result()]);
    expect(events).toMatchObject([
      { type: 'notice', code: 'subagent_error', data: { parentToolCallId: 't1' } },
      { type: 'turn_finished', outcome: 'completed' },
    ]);
  });

  it('reports an API error that the turn recovered from', () => {
    const message = { id: 'x', model: '<synthetic>', content: [{ type: 'text', text: 'cut' }] };
    const { events } = run([assistant([], { message, error: 'max_output_tokens' }), result()]);
    expect(events).toMatchObject([
      { type: 'notice', level: 'warning', code: 'model_error' },
      { type: 'turn_finished', outcome: 'completed' },
    ]);
  });

  it('is taken from the result if no frame contained it', () => {
    expect(map(result({ result: 'Done.' })).events).toMatchObject([
      { type: 'agent_message', messageId: 'result/r', content: [{ text: 'Done.' }] },
      { type: 'turn_finished' },
    ]);
    const said = run([assistant([{ type: 'text', text: 'Done.' }]), result({ result: 'Done.' })]);
    expect(said.events.map(({ type }) => type)).toEqual(['agent_message', 'turn_finished']);
  });
});

describe('what users and tools send back', () => {
  const call = assistant([{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } }]);
  const back = (content: unknown, more: Record<string, unknown> = {}): UnknownFrame => ({
    type: 'user',
    parent_tool_use_id: null,
    message: { role: 'user', content },
    ...more,
  });

  it('shows no prompt twice', () => {
    expect(map(back('my own words', { isReplay: true })).events).toEqual([]);
    expect(map(back([{ type: 'text', text: 'reminder' }], { isSynthetic: true })).events).toEqual([]);
  });

  it('contains the structured output if the frame has one result, and the content if it has several', () => {
    const one = back([{ type: 'tool_result', tool_use_id: 't1', content: 'a.txt' }], {
      tool_use_result: { stdout: 'a.txt' },
    });
    expect(run([call, one]).events[1]).toMatchObject({ status: 'completed', rawOutput: { stdout: 'a.txt' } });
    const two = back(
      [
        { type: 'tool_result', tool_use_id: 't1', content: 'one' },
        { type: 'tool_result', tool_use_id: 't2', content: 'two', is_error: true },
      ],
      { tool_use_result: { stdout: 'whose?' } },
    );
    expect(run([call, two]).events.slice(1)).toMatchObject([
      { toolCallId: 't1', status: 'completed', rawOutput: 'one' },
      { toolCallId: 't2', status: 'failed', rawOutput: 'two' },
    ]);
  });

  it('ends the calls of a sub-agent with it', () => {
    const agent = assistant([{ type: 'tool_use', id: 'a1', name: 'Agent', input: {} }]);
    const inner = assistant([{ type: 'tool_use', id: 'b1', name: 'Bash', input: {} }], { parent_tool_use_id: 'a1' });
    const rejected = back([{ type: 'tool_result', tool_use_id: 'a1', is_error: true, content: 'rejected' }]);
    expect(run([agent, inner, rejected]).events.slice(2)).toMatchObject([
      { type: 'tool_call_update', toolCallId: 'a1', status: 'failed' },
      { type: 'tool_call_update', toolCallId: 'b1', status: 'failed', parentToolCallId: 'a1' },
    ]);
    expect(run([agent, inner, result()]).events.slice(2)).toMatchObject([
      { toolCallId: 'a1', status: 'failed' },
      { toolCallId: 'b1', status: 'failed' },
      { type: 'turn_finished' },
    ]);
  });

  it('leaves deferred and background calls open', () => {
    const deferred = run([call, result({ terminal_reason: 'tool_deferred' })]);
    expect(deferred.events.map(({ type }) => type)).toEqual(['tool_call', 'turn_finished']);
    const agent = assistant([{ type: 'tool_use', id: 'a1', name: 'Agent', input: {} }]);
    const launched = back([{ type: 'tool_result', tool_use_id: 'a1', content: 'x' }], {
      tool_use_result: { status: 'async_launched' },
    });
    const inner = assistant([{ type: 'tool_use', id: 'b1', name: 'Bash', input: {} }], { parent_tool_use_id: 'a1' });
    expect(run([agent, launched, inner, result()]).events.at(-2)).toMatchObject({
      type: 'tool_call',
      toolCallId: 'b1',
    });
  });
});

describe('a result', () => {
  it.each([
    ['aborted_streaming', false],
    ['aborted_tools', false],
    [undefined, true],
  ])('is an interruption (terminal reason %s, asked for: %s)', (terminalReason, asked) => {
    const frame = result({
      subtype: 'error_during_execution',
      is_error: true,
      errors: [],
      terminal_reason: terminalReason,
    });
    const { events, state } = map(frame, asked ? withInterruptAsked(begun) : begun);
    expect(events).toMatchObject([{ type: 'turn_finished', outcome: 'interrupted' }]);
    expect(events[0]).not.toHaveProperty('error');
    // The next failure counts again.
    expect(map(result({ is_error: true, result: 'x' }), state).events).toMatchObject([{ outcome: 'failed' }]);
  });

  it('is not an interruption if the turn ended first', () => {
    expect(map(result(), withInterruptAsked(begun)).events).toMatchObject([{ outcome: 'completed' }]);
  });

  it.each([
    [{ is_error: true, result: 'x', api_error_status: 401 }, 'agent_login_required'],
    [{ is_error: true, result: 'x', api_error_status: 400 }, 'model_error'],
    [{ is_error: true, result: 'Prompt is too long' }, 'model_error'],
    [{ is_error: true, result: 'x', terminal_reason: 'prompt_too_long' }, 'context_exceeded'],
    [{ is_error: true, result: 'x', api_error_status: 413 }, 'context_exceeded'],
    [{ subtype: 'error_max_turns', is_error: true, errors: ['x'] }, 'agent_failed'],
    [{ subtype: 'error_max_budget_usd', is_error: true, errors: ['x'] }, 'agent_failed'],
    [{ subtype: 'error_during_execution', is_error: true, errors: ['x'], terminal_reason: 'api_error' }, 'model_error'],
    [{ subtype: 'error_of_tomorrow', is_error: true }, 'agent_failed'],
  ])('%j fails with %s', (fields, code) => {
    const finished = map(result(fields)).events.at(-1);
    expect(finished).toMatchObject({ outcome: 'failed', error: { code } });
    expect((finished as { error: { message: string } }).error.message).toMatch(/^[A-Z].*[.\w]/);
  });

  it('counts from the given baseline', () => {
    const before = readTotals(1, { opus: { inputTokens: 10, outputTokens: 10, costUSD: 1 } });
    const resumed = createMappingState({ baseline: before });
    const frame = result({
      total_cost_usd: 1.25,
      modelUsage: { opus: { inputTokens: 15, outputTokens: 12, costUSD: 1.25 } },
    });
    expect(run([init, frame], resumed).events.at(-1)).toMatchObject({
      costUsd: 0.25,
      usage: { inputTokens: 5, outputTokens: 2 },
      models: { opus: { costUsd: 0.25 } },
    });
    const cleared = run([init, { type: 'conversation_reset' }, frame], resumed);
    expect(cleared.events.at(-1)).toMatchObject({ costUsd: 1.25 });
  });
});

describe('a delta', () => {
  const stream = (event: object, more: object = {}): UnknownFrame => ({
    type: 'stream_event',
    parent_tool_use_id: null,
    event,
    ...more,
  });
  const begin = (id: string, block: object, more: object = {}): UnknownFrame[] => [
    stream({ type: 'message_start', message: { id, model: 'opus' } }, more),
    stream({ type: 'content_block_start', index: 0, content_block: block }, more),
  ];
  const delta = (fields: object, more: object = {}): UnknownFrame =>
    stream({ type: 'content_block_delta', index: 0, delta: fields }, more);

  it('names its message, its call, and its sub-agent', () => {
    const inside = { parent_tool_use_id: 't1' };
    const { events } = run([
      ...begin('m', { type: 'text', text: '' }),
      ...begin('n', { type: 'tool_use', id: 't2', name: 'Bash', input: {} }, inside),
      delta({ type: 'text_delta', text: 'a' }),
      delta({ type: 'input_json_delta', partial_json: '{"c' }, inside),
    ]);
    expect(events).toEqual([
      { type: 'agent_message_chunk', messageId: 'm/0', content: { type: 'text', text: 'a' } },
      { type: 'tool_call_chunk', toolCallId: 't2', title: 'Bash', partialInput: '{"c', parentToolCallId: 't1' },
    ]);
  });

  it('returns the same state object', () => {
    const { state } = run(begin('m', { type: 'text', text: '' }));
    expect(map(delta({ type: 'text_delta', text: 'a' }), state).state).toBe(state);
  });

  it('is left out if it is not for readers or fits no block', () => {
    const { state } = run(begin('m', { type: 'thinking', thinking: '' }));
    for (const fields of [{ type: 'signature_delta', signature: 's' }, { type: 'text_delta', text: 'a' }, {}]) {
      expect(map(delta(fields), state).events).toEqual([]);
    }
    expect(map(delta({ type: 'text_delta', text: 'a' }), begun)).toMatchObject({
      events: [],
      dropped: ['stream_event/block_unknown'],
    });
  });
});

describe('the context window', () => {
  const usage = { input_tokens: 10, cache_read_input_tokens: 20, cache_creation_input_tokens: 5, output_tokens: 1 };
  const stream = (event: object, parent: string | null = null): UnknownFrame => ({
    type: 'stream_event',
    parent_tool_use_id: parent,
    event,
  });

  it('is reported once per answer of the main loop, and only if it changed', () => {
    const start = stream({ type: 'message_start', message: { id: 'm', model: 'opus', usage } });
    const end = stream({ type: 'message_delta', usage: { output_tokens: 7 } });
    const done = result({ modelUsage: { opus: { contextWindow: 200_000 } } });
    const { events } = run([
      start,
      end,
      stream({ type: 'message_delta', usage: { output_tokens: 900 } }, 'sub'),
      done,
      done,
    ]);
    expect(events.filter(({ type }) => type === 'usage_update')).toEqual([
      { type: 'usage_update', used: 42, size: null },
      { type: 'usage_update', used: 42, size: 200_000 },
    ]);
  });

  it('AGENT-48: tells for how long the provider keeps the conversation, the longest time that counts', () => {
    const cached = (creation: object | undefined, output: number): UnknownFrame[] => [
      stream({ type: 'message_start', message: { id: `m${output}`, usage: { ...usage, cache_creation: creation } } }),
      stream({ type: 'message_delta', usage: { output_tokens: output } }),
    ];
    const told = (...frames: UnknownFrame[]) =>
      run(frames).events.flatMap((event) => (event.type === 'usage_update' ? [event.cacheSeconds] : []));
    const [short, long, none] = [
      cached({ ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 0 }, 1),
      cached({ ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 9 }, 2),
      cached({ ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 }, 3),
    ];
    expect(told(...short, ...none)).toEqual([300, 300]);
    expect(told(...none, ...long, ...cached({ ephemeral_5m_input_tokens: 1 }, 4))).toEqual([undefined, 3600, 3600]);
    expect(told(...cached(undefined, 5))).toEqual([undefined]);
  });
});
