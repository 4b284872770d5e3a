import { describe, expect, test } from 'vitest';
import { BooError } from '../../protocol/error.ts';
import { OwnPrompt } from './own-prompt.ts';
import { createTerminalTurn } from './terminal-turn.ts';
import { move, type TurnPhase, TurnState } from './turn-state.ts';

const promptOf = (text: string) => ({ turnId: crypto.randomUUID(), content: [{ type: 'text' as const, text }] });
const own = new OwnPrompt(promptOf('go on'));
const theirs = createTerminalTurn(null);

const alone: TurnPhase[] = [
  { is: 'none', theirs: undefined },
  { is: 'waiting', isInterrupted: false, theirs: undefined },
  { is: 'typing', own, theirs: undefined },
  { is: 'typed', own, theirs: undefined },
  { is: 'taken', own, theirs: undefined },
  { is: 'running', own, theirs: undefined },
];
const beside = alone.filter(({ is }) => is !== 'running').map((phase) => ({ ...phase, theirs }) as TurnPhase);

function isLegal(from: TurnPhase, to: TurnPhase): boolean {
  try {
    return move(from, to) === to;
  } catch (error) {
    if (error instanceof BooError && error.code === 'internal') return false;
    throw error;
  }
}

function legalMoves(from: readonly TurnPhase[], to: readonly TurnPhase[]): string[] {
  return from.flatMap((one) => to.filter((other) => isLegal(one, other)).map((other) => `${one.is} > ${other.is}`));
}

describe('a turn in the terminal', () => {
  test('makes exactly the moves in its diagram', () => {
    expect(legalMoves(alone, alone)).toEqual([
      'none > waiting',
      'waiting > none',
      'waiting > waiting',
      'waiting > typing',
      'typing > none',
      'typing > typed',
      'typing > running',
      'typed > none',
      'typed > taken',
      'typed > running',
      'taken > none',
      'taken > running',
      'running > none',
    ]);
  });

  test('continues during someone else’s, but does not run there', () => {
    expect(legalMoves(beside, beside)).toEqual(legalMoves(alone, alone).filter((name) => !name.includes('running')));
    expect(legalMoves(beside, alone.slice(-1))).toEqual([]);
  });

  test('does not move when someone else’s starts and ends', () => {
    const stays = ['none > none', 'waiting > waiting', 'typing > typing', 'typed > typed', 'taken > taken'];
    expect(legalMoves(alone, beside)).toEqual(stays);
    expect(legalMoves(beside, alone)).toEqual(stays);
    const another = beside.map((phase) => ({ ...phase, theirs: createTerminalTurn(null) }) as TurnPhase);
    expect(legalMoves(beside, another)).toEqual([]);
  });

  test('belongs to one prompt until it ends', () => {
    const other = new OwnPrompt(promptOf('something else'));
    const others = alone.map((phase) => ('own' in phase ? { ...phase, own: other } : phase));
    expect(legalMoves(alone.slice(2), others.slice(2))).toEqual([]);
  });
});

describe('the state of turns', () => {
  test('a prompt is current once it is typed, and taken once a turn runs or the program has it', () => {
    const state = new TurnState();
    state.wait();
    expect(state.current).toBeUndefined();
    const expected = state.expect(promptOf('go on'));
    expect(state.current).toBe(expected.turn);
    const other = state.beginTheirs(false);
    expect(state.current).toBe(other);
    expect(state.isTaken).toBe(true);
    state.end(other);
    expect(state.isTaken).toBe(false);
    state.noteTyped(expected);
    state.noteTaken(expected);
    expect(state.isTaken).toBe(true);
    expect(state.running).toBeUndefined();
    state.run(expected);
    expect(state.running).toBe(expected.turn);
    expect(state.expected).toBeUndefined();
    state.end(expected.turn);
    expect(state.phase).toEqual({ is: 'none', theirs: undefined });
  });

  test('an interrupt is in progress until its own turn has ended, whatever else runs', () => {
    const state = new TurnState();
    state.wait();
    const expected = state.expect(promptOf('go on'));
    expected.turn.isInterrupted = true;
    const other = state.beginTheirs(false);
    expect(state.isInterrupting).toBe(true);
    state.end(other);
    expect(state.isInterrupting).toBe(true);
    state.end(expected.turn);
    expect(state.isInterrupting).toBe(false);
  });

  test('a turn ends once, and starts only if none is running', () => {
    const state = new TurnState();
    const turn = state.beginTheirs(false);
    expect(() => state.beginTheirs(false)).toThrow('cannot go');
    state.end(turn);
    expect(() => state.end(turn)).toThrow('twice');
    expect(() => state.giveUp()).toThrow('cannot go');
  });

  test('a prompt whose turn is over counts as taken for those who wait, and changes nothing', async () => {
    const state = new TurnState();
    state.wait();
    const expected = state.expect(promptOf('go on'));
    state.noteTyped(expected);
    state.end(expected.turn);
    state.noteTaken(expected);
    await expected.taken;
    expect(state.phase.is).toBe('none');
    state.wait();
    state.noteTyped(state.expect(promptOf('and then')));
    state.noteTaken(expected);
    expect(state.phase.is).toBe('typed');
  });
});
