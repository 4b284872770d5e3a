import { describe, expect, test } from 'vitest';
import { ownerVia } from '../../test/support/owners-chats.ts';
import type { AgentSession } from '../agents/agent-backend.ts';
import type { McpServer } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import { type ChatPhase, ChatStateMachine, move, type SessionPhase } from './chat-state-machine.ts';

const done = Promise.resolve();
const handle = {} as AgentSession;
const failure = new BooError('agent_failed', 'It did not start.');

const cold: SessionPhase = { is: 'cold' };
const opening: SessionPhase = { is: 'opening', abort: new AbortController(), done, mcpServers: null };
const ready: SessionPhase = { is: 'ready', handle, directory: undefined, mcpServers: null };
const closing: SessionPhase = { is: 'closing', done };
const sessions = [cold, opening, ready, closing];
const stopped: ChatPhase = { is: 'stopped' };
const starting = (session: SessionPhase): ChatPhase => ({ is: 'starting', session });
const turn = (session: SessionPhase): ChatPhase => ({ is: 'turn', id: 't', session });

const name = (phase: ChatPhase): string => ('session' in phase ? `${phase.is}(${phase.session.is})` : phase.is);

/** The legal next phases, by name. Every other move throws. */
const legal: Record<string, string[]> = {
  cold: ['cold', 'opening', 'starting(cold)', 'turn(cold)', 'stopped'],
  opening: ['opening', 'ready', 'cold'],
  ready: ['ready', 'closing', 'cold', 'starting(ready)', 'turn(ready)', 'stopped'],
  closing: ['cold'],
  'starting(cold)': ['starting(cold)', 'starting(opening)', 'cold'],
  'starting(opening)': ['starting(opening)', 'starting(ready)', 'starting(cold)', 'opening'],
  'starting(ready)': ['starting(ready)', 'starting(closing)', 'starting(cold)', 'ready'],
  'starting(closing)': ['starting(closing)', 'starting(cold)', 'closing'],
  'turn(cold)': ['turn(cold)', 'cold'],
  'turn(ready)': ['turn(ready)', 'turn(closing)', 'turn(cold)', 'ready'],
  'turn(closing)': ['turn(closing)', 'turn(cold)', 'closing'],
  stopped: [],
};
const phases = [...sessions, ...sessions.map(starting), ...[cold, ready, closing].map(turn), stopped];

function isRefused(from: ChatPhase, next: ChatPhase): boolean {
  try {
    return move(from, next) !== next;
  } catch (error) {
    return error instanceof BooError && error.code === 'internal';
  }
}

describe.each(Object.entries(legal))('%s', (from, next) => {
  const phase = phases.find((each) => name(each) === from)!;

  test('allows its legal moves and no others', () => {
    const refused = [...phases, turn(opening)].filter((each) => isRefused(phase, each)).map(name);
    const others = [...phases, turn(opening)].map(name).filter((each) => !next.includes(each));
    expect(refused).toEqual(others);
  });
});

test('a turn starts and ends with the same session', () => {
  const other: SessionPhase = { is: 'ready', handle: {} as AgentSession, directory: undefined, mcpServers: null };
  expect(() => move(turn(ready), other)).toThrow('A chat cannot go from turn (ready) to ready.');
  expect(() => move(cold, turn(ready))).toThrow('A chat cannot go from cold to turn (ready).');
});

describe('what clients see', () => {
  const machine = (...moves: SessionPhase[]): ChatStateMachine => {
    const state = new ChatStateMachine(() => {});
    for (const phase of moves) state.moveSession(phase);
    return state;
  };
  test.each([
    ['cold', machine()],
    ['failed', machine(opening, { is: 'cold', failure })],
    ['cold', machine(opening, { is: 'cold', failure }, cold)],
    ['warming', machine(opening)],
    ['ready', machine(opening, ready)],
    ['cold', machine(opening, ready, closing)],
  ] as const)('%s', (seen, state) => {
    expect(state.publicState(false)).toBe(seen);
    // A decision may wait for its answer while no process does.
    expect(state.publicState(true)).toBe(seen === 'warming' ? 'warming' : 'waiting');
  });

  test('a chat with a turn is running or waiting, even after its session is lost', () => {
    const state = machine(opening, ready);
    state.beginTurn('t');
    expect([state.publicState(false), state.publicState(true)]).toEqual(['running', 'waiting']);
    state.moveSession(cold);
    expect([state.publicState(false), state.handle, state.isWarm]).toEqual(['running', undefined, true]);
    expect(state.end()).toBeUndefined();
    expect([state.publicState(false), state.isWarm]).toEqual(['cold', false]);
  });

  test('a stopped chat keeps its state and cannot move', () => {
    const state = machine(opening, { is: 'cold', failure });
    state.stop();
    state.stop();
    expect(state.publicState(false)).toBe('failed');
    expect(() => state.moveSession(opening)).toThrow('A chat cannot go from stopped to opening.');
  });
});

test('only a starting or running turn can be interrupted, and the first interrupt counts', () => {
  const [first, second] = [ownerVia('first'), ownerVia('second')];
  const state = new ChatStateMachine(() => {});
  expect(state.interrupt(first)).toBe(false);
  state.start();
  state.moveSession(opening);
  expect(state.interrupt(first)).toBe(true);
  expect(state.interrupt(second)).toBe(true);
  state.moveSession(ready);
  expect(state.end()).toEqual({ by: first });
  state.beginTurn('t');
  expect(state.turn?.interruption).toBeUndefined();
  state.failTurn(failure);
  state.interrupt(second);
  expect(state.turn).toMatchObject({ id: 't', interruption: { by: second }, failure });
  state.end();
  expect(state.interrupt(first)).toBe(false);
});

test('only a turn can fail', () => {
  const state = new ChatStateMachine(() => {});
  state.failTurn(failure);
  state.start();
  state.failTurn(failure);
  expect(state.turn).toBeUndefined();
  state.end();
  state.beginTurn('t', { by: ownerVia('first') });
  expect(state.turn).toStrictEqual({ is: 'turn', id: 't', interruption: { by: ownerVia('first') }, session: cold });
});

test('the session and its servers are visible while it opens and while it is open, also during a turn', () => {
  const mcpServers = [{ name: 'files' }] as unknown as McpServer[];
  const state = new ChatStateMachine(() => {});
  const seen = () => [state.session.is, state.handle, state.mcpServers, state.isWarm];
  expect(seen()).toEqual(['cold', undefined, null, false]);
  state.start();
  state.moveSession({ ...opening, mcpServers });
  expect(seen()).toEqual(['opening', undefined, mcpServers, false]);
  state.moveSession({ ...ready, mcpServers });
  expect(seen()).toEqual(['ready', handle, mcpServers, true]);
  expect(state.mcpServers).not.toBe(mcpServers);
  state.end();
  state.beginTurn('t');
  expect(seen()).toEqual(['ready', handle, mcpServers, true]);
  state.moveSession(closing);
  expect(seen()).toEqual(['closing', undefined, null, true]);
  state.end();
  expect(seen()).toEqual(['closing', undefined, null, false]);
  state.moveSession(cold);
  state.stop();
  expect(seen()).toEqual(['cold', undefined, null, false]);
});

test('every move is announced', () => {
  let moves = 0;
  const state = new ChatStateMachine(() => (moves += 1));
  state.start();
  state.moveSession(opening);
  state.moveSession(cold);
  state.end();
  expect(moves).toBe(4);
  state.stop();
  state.stop();
  expect(moves).toBe(5);
});
