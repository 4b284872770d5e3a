import { expect, test } from 'vitest';
import { createTurnTraces } from './turn-traces.ts';

const said = (id: string, model: string, output_tokens: number, isSidechain = false) => ({
  type: 'assistant',
  isSidechain,
  message: {
    id,
    model,
    usage: { input_tokens: 3, output_tokens, cache_read_input_tokens: 10, cache_creation_input_tokens: null },
  },
});
const result = (tool_use_id: string) => ({
  type: 'user',
  message: { role: 'user', content: [{ type: 'tool_result', tool_use_id, content: '"tool_use_id": "of nobody"' }] },
});

test('TURN-14: a request counts once however many lines it has, in sub-agents too; DECIDE-13: calls with a result are listed', () => {
  const traces = createTurnTraces();
  const entries = [
    said('one', 'opus', 1),
    said('one', 'opus', 29),
    result('call-1'),
    said('two', 'haiku', 5, true),
    said('none', '<synthetic>', 7),
    { type: 'user', message: { content: 'a prompt with "tool_result"' } },
    { type: 'assistant', message: 'of another shape' },
    { type: 'cost-state', totalCostUSD: 1 },
    null,
  ];
  for (const entry of entries) traces.add(JSON.stringify(entry));
  expect(traces.seen).toEqual({
    opus: { inputTokens: 3, outputTokens: 29, cacheReadInputTokens: 10, cacheCreationInputTokens: 0 },
    haiku: { inputTokens: 3, outputTokens: 5, cacheReadInputTokens: 10, cacheCreationInputTokens: 0 },
  });
  expect(traces.spent).toEqual(traces.seen);
  expect([...traces.finishedCalls]).toEqual(['call-1']);
});

test('TURN-15: requests counted elsewhere are in seen but not in spent', () => {
  const entry = JSON.stringify({ ...said('one', 'opus', 4), requestId: 'req-1' });
  for (const except of [new Set(['one']), new Set(['req-1']), 'all'] as const) {
    const traces = createTurnTraces(except);
    traces.add(entry);
    expect(traces.spent).toEqual({});
    expect(traces.seen).toMatchObject({ opus: { outputTokens: 4 } });
  }
});
