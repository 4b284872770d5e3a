/** What holds for every recording, whatever its content. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readRecording, recordingNames, replay } from '../../../../test/support/recorded-frames.ts';
import { textOf } from '../../../protocol/text-of.ts';
import { agentBody, deltaBody } from '../../../protocol/event.ts';
import type { AgentEvent } from '../../agent-backend.ts';
import { mapSdkMessage } from './map-sdk-message.ts';
import { createMappingState, type MappingState } from './mapping-state.ts';

type LooseFrame = { type: string; subtype?: string; total_cost_usd?: number; [field: string]: unknown };
const framesOf = (name: string): LooseFrame[] => readRecording(name) as LooseFrame[];

/** Frames that the program sends although the SDK's union does not know them. */
const strangers = new Set(['command_lifecycle', 'active_goal', 'keep_alive']);

const deltaTypes = new Set<string>(deltaBody.options.map((option) => option.shape.type.value));

/** Why the event does not match the protocol; undefined if it does. */
function flaw(event: AgentEvent): string | undefined {
  if (event.type === 'turn_finished') {
    const fails = event.outcome === 'failed';
    if (event.costUsd >= 0 && fails === (event.error !== undefined)) return undefined;
  } else {
    const { error } = (deltaTypes.has(event.type) ? deltaBody : agentBody).safeParse(event);
    if (!error) return undefined;
  }
  return JSON.stringify(event).slice(0, 500);
}

it('there are recordings', () => {
  expect(recordingNames.length).toBeGreaterThan(40);
});

describe.each(recordingNames)('%s', (name) => {
  const frames = framesOf(name);
  const { events, unmapped, state, mirrorFailures } = replay(frames);

  it('makes only events that the protocol knows', () => {
    expect(events.flatMap((event) => flaw(event) ?? [])).toEqual([]);
  });

  it('reports each session once, the first before anything else', () => {
    const sessions = new Set(frames.flatMap((frame) => (frame['subtype'] === 'init' ? [frame['session_id']] : [])));
    expect(events[0]?.type).toBe('session_started');
    expect(events.flatMap((event) => (event.type === 'session_started' ? [event.sessionId] : []))).toEqual([
      ...sessions,
    ]);
    expect(state.sessionId).toBe(frames.findLast(({ subtype }) => subtype === 'init')?.['session_id']);
  });

  it('finishes one turn per result, and adds up to the cost of the last', () => {
    const finished = events.filter((event) => event.type === 'turn_finished');
    const results = frames.filter(({ type }) => type === 'result');
    expect(finished).toHaveLength(results.length);
    // Only `/clear` resets the totals.
    const reset = frames.findIndex(({ type }) => type === 'conversation_reset');
    const before = results.filter((result) => frames.indexOf(result) < reset).at(-1)?.total_cost_usd ?? 0;
    const total = before + (results.at(-1)?.total_cost_usd ?? 0);
    expect(finished.reduce((sum, turn) => sum + turn.costUsd, 0)).toBeCloseTo(total, 9);
    for (const turn of finished) {
      const parts = Object.values(turn.models);
      expect(parts.reduce((sum, model) => sum + model.costUsd, 0)).toBeCloseTo(turn.costUsd, 9);
      expect(parts.reduce((sum, model) => sum + model.outputTokens, 0)).toBe(turn.usage.outputTokens);
    }
  });

  it('streams what it then sends: the chunks of a message are its text', () => {
    const streamed = new Map<string, string>();
    const wrong: unknown[] = [];
    for (const event of events) {
      if (event.type === 'agent_message_chunk' || event.type === 'agent_thought_chunk') {
        streamed.set(event.messageId, (streamed.get(event.messageId) ?? '') + event.content.text);
      } else if (event.type === 'tool_call_chunk') {
        streamed.set(event.toolCallId, (streamed.get(event.toolCallId) ?? '') + event.partialInput);
      } else if (event.type === 'agent_message' || event.type === 'agent_thought') {
        // Sub-agents and local commands are not streamed.
        const chunks = streamed.get(event.messageId) ?? textOf(event.content);
        if (chunks !== textOf(event.content)) wrong.push({ chunks, event });
      } else if (event.type === 'tool_call') {
        // The program adds what the model left out: defaults, a plan's path.
        const chunks = JSON.parse(streamed.get(event.toolCallId) ?? '{}') as object;
        if (!isDeepStrictEqual({ ...(event.rawInput as object), ...chunks }, event.rawInput)) {
          wrong.push({ chunks, event });
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('uses every message id once', () => {
    const ids = events.flatMap((event) =>
      event.type === 'agent_message' || event.type === 'agent_thought' ? [event.messageId] : [],
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('reports a tool call before its end, and ends each once', () => {
    const open = new Set<string>();
    const early: string[] = [];
    for (const event of events) {
      if (event.type === 'tool_call') open.add(event.toolCallId);
      if (event.type === 'tool_call_update' && !open.delete(event.toolCallId)) early.push(event.toolCallId);
    }
    expect([...open, ...early]).toEqual([]);
    expect(state.openCalls.size).toBe(0);
  });

  it('names the frames that it does not know', () => {
    expect(unmapped.filter((frame) => !strangers.has(frame))).toEqual([]);
    expect(unmapped).toHaveLength(frames.filter(({ type }) => strangers.has(type)).length);
  });

  it('flags every part of the transcript that was not stored', () => {
    expect(mirrorFailures).toBe(frames.filter(({ subtype }) => subtype === 'mirror_error').length);
  });

  it('changes neither the frame nor the state that it is given', () => {
    let current: MappingState = createMappingState();
    for (const frame of frames) {
      const before = structuredClone(current);
      const given = JSON.stringify(frame);
      const next = mapSdkMessage(frame, current).state;
      expect(current).toEqual(before);
      expect(JSON.stringify(frame)).toBe(given);
      current = next;
    }
  });
});

it('streams every main-loop text that the recordings hold', () => {
  const texts = recordingNames.flatMap((name) =>
    replay(framesOf(name)).events.filter(({ type }) => type === 'agent_message_chunk'),
  );
  expect(texts.length).toBeGreaterThan(200);
});

describe('without partial messages', () => {
  it.each(recordingNames)('%s produces the same events', (name) => {
    const durable = (events: AgentEvent[]): unknown[] =>
      events.filter(({ type }) => !type.endsWith('_chunk') && type !== 'usage_update');
    const whole = framesOf(name).filter(({ type }) => type !== 'stream_event');
    expect(durable(replay(whole).events)).toEqual(durable(replay(framesOf(name)).events));
  });
});

/** A small pseudo-random number generator (mulberry32), so that a failure can be reproduced. */
function createRandom(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const rubbish: readonly unknown[] = [
  null,
  '',
  'text',
  0,
  -1,
  1e308,
  true,
  [],
  {},
  [null],
  [[]],
  { type: 'text' },
  '__proto__',
  'constructor',
  '\u0000\ud800',
];

/** Deletes or replaces one to three fields, however deep. */
function damage(frame: unknown, random: (below: number) => number): unknown {
  const copy = structuredClone(frame);
  for (let times = 1 + random(3); times > 0; times -= 1) {
    let owner = copy as Record<string, unknown>;
    for (;;) {
      const keys = Object.keys(owner);
      const key = keys[random(keys.length)];
      if (key === undefined) break;
      const inner = owner[key];
      if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 && random(4) > 0) {
        owner = inner as Record<string, unknown>;
        continue;
      }
      if (random(3) === 0) delete owner[key];
      else owner[key] = rubbish[random(rubbish.length)];
      break;
    }
  }
  return copy;
}

describe('AGENT-8: damaged frames', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('never throw, and produce nothing that the protocol does not know (%i)', (seed) => {
    const random = createRandom(seed);
    const flaws: string[] = [];
    for (const name of recordingNames) {
      let state = createMappingState();
      for (const frame of framesOf(name)) {
        const given = random(3) === 0 ? frame : (damage(frame, random) as LooseFrame);
        const next = mapSdkMessage(given, state);
        flaws.push(...next.events.flatMap((event) => flaw(event) ?? []));
        const finished = next.events.filter(({ type }) => type === 'turn_finished');
        if (finished.length !== (given.type === 'result' ? 1 : 0)) flaws.push(`${name}: ${finished.length} ends`);
        if (finished[0] !== undefined && next.events.at(-1) !== finished[0]) flaws.push(`${name}: the end is not last`);
        state = next.state;
      }
    }
    expect(flaws).toEqual([]);
  });
});
