import { expect, test } from 'vitest';
import { BooError } from '../../protocol/error.ts';
import { type LifePhase, SessionLife } from './session-life.ts';

const done = Promise.resolve();
const phases: Record<LifePhase['is'], LifePhase> = {
  new: { is: 'new' },
  opening: { is: 'opening', done },
  open: { is: 'open' },
  restarting: { is: 'restarting', done },
  closing: { is: 'closing', done },
  over: { is: 'over' },
};
type Name = LifePhase['is'];
const names = Object.keys(phases) as Name[];

/** The moves that lead to each phase. */
const ways: Record<Name, Name[]> = {
  new: [],
  opening: ['opening'],
  open: ['opening', 'open'],
  restarting: ['opening', 'open', 'restarting'],
  closing: ['closing'],
  over: ['opening', 'over'],
};

function lifeIn(name: Name): SessionLife {
  const life = new SessionLife();
  for (const step of ways[name]) life.move(phases[step]);
  return life;
}

function isLegal(from: Name, to: Name): boolean {
  const life = lifeIn(from);
  try {
    life.move(phases[to]);
    return true;
  } catch (error) {
    if (error instanceof BooError && error.code === 'internal') return false;
    throw error;
  }
}

test('a session makes exactly the moves in its diagram', () => {
  const legal = names.flatMap((from) => names.filter((to) => isLegal(from, to)).map((to) => `${from} > ${to}`));
  expect(legal).toEqual([
    'new > opening',
    'new > closing',
    'opening > open',
    'opening > closing',
    'opening > over',
    'open > restarting',
    'open > closing',
    'restarting > open',
    'restarting > closing',
    'closing > over',
  ]);
});

test('opening or restarting a session continues until it is closing', () => {
  expect(names.filter((name) => lifeIn(name).isEnding)).toEqual(['closing', 'over']);
  expect(names.filter((name) => lifeIn(name).isUp)).toEqual(['open', 'restarting']);
  expect(() => lifeIn('restarting').assertWanted()).not.toThrow();
  expect(() => lifeIn('closing').assertWanted()).toThrow('was closed');
});
