import { describe, expect, it } from 'vitest';
import type { Decision } from '../../protocol/decision.ts';
import { createDecisions } from './decisions.ts';

const pending = (id: string): Decision => ({
  id,
  chatId: 'c',
  turnId: null,
  kind: 'permission',
  title: `May ${id} run?`,
  input: { command: id },
  toolName: 'Bash',
  toolCallId: null,
  subagentCallId: null,
  canAllowAlways: false,
  alwaysScope: [],
  status: 'pending',
  requestedAt: '2026-01-01T00:00:00.000Z',
  resolvedAt: null,
  outcome: null,
  by: null,
  principal: null,
  via: null,
});
const settled = (id: string): Decision => ({
  ...pending(id),
  status: 'resolved',
  resolvedAt: '2026-01-01T00:00:01.000Z',
  outcome: 'allow',
  by: 'somebody',
});

function open() {
  const heard: string[] = [];
  const decisions = createDecisions({
    onAsked: ({ id }) => heard.push(`asked ${id}`),
    onSettled: ({ id }) => heard.push(`settled ${id}`),
    onGone: (id) => heard.push(`gone ${id}`),
  });
  return {
    decisions,
    heard,
    waiting: () => [...decisions.store.get().pending.keys()],
    over: () => decisions.store.get().settled.map(({ id }) => id),
  };
}

describe('WEB-27: decisions', () => {
  it('are pending if the connection lists them, however many, or reports them later', () => {
    const { decisions, waiting } = open();
    const ids = Array.from({ length: 250 }, (_, index) => `d${index}`);
    for (let connection = 0; connection < 2; connection += 1) {
      decisions.beginList();
      for (const id of ids) decisions.put(pending(id));
      decisions.endList();
      expect(waiting()).toEqual(ids);
    }
    decisions.put(pending('later'));
    decisions.endList();
    expect(waiting()).toEqual([...ids, 'later']);
  });

  it('are gone if the next connection does not list them', () => {
    const { decisions, heard, waiting, over } = open();
    for (const id of ['a', 'b']) decisions.put(pending(id));
    decisions.endList();
    decisions.beginList();
    decisions.put(pending('b'));
    decisions.put(pending('c'));
    expect(waiting()).toEqual(['a', 'b', 'c']);
    decisions.endList();
    expect(waiting()).toEqual(['b', 'c']);
    expect(over()).toEqual([]);
    expect(heard).toEqual(['asked a', 'asked b', 'asked c', 'gone a']);
  });

  it('are settled once, and never become pending again', () => {
    const { decisions, heard, waiting, over } = open();
    decisions.put(pending('a'));
    decisions.put(settled('a'));
    decisions.put(settled('a'));
    decisions.put(pending('a'));
    decisions.put(settled('never seen'));
    expect([waiting(), over()]).toEqual([[], ['a']]);
    expect(heard).toEqual(['asked a', 'settled a']);
  });

  it('are kept after they are settled, the last hundred, without their input', () => {
    const { decisions, over } = open();
    const ids = Array.from({ length: 130 }, (_, index) => `d${index}`);
    for (const id of ids) {
      decisions.put(pending(id));
      decisions.put(settled(id));
    }
    expect(over()).toEqual(ids.slice(30));
    expect(decisions.store.get().settled.filter((each) => 'input' in each)).toEqual([]);
  });
});

it('HOST-9: decisions go with a chat that is deleted, on whichever host', () => {
  const { decisions, heard, waiting } = open();
  decisions.put(pending('a'));
  decisions.put({ ...pending('b'), chatId: 'other' });
  decisions.removeChat('c');
  decisions.removeChat('unknown');
  expect([waiting(), heard]).toEqual([['b'], ['asked a', 'asked b', 'gone a']]);
});
