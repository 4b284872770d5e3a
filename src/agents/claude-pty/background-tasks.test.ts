import { describe, expect, test } from 'vitest';
import { createMappingState, type MappingState } from '../claude/mapping/mapping-state.ts';
import { BackgroundTasks } from './background-tasks.ts';

function stateWith(calls: Record<string, unknown>): MappingState {
  const openCalls = new Map(
    Object.entries(calls).map(([id, input]) => [id, { toolName: 'Bash', input, parentToolCallId: undefined }]),
  );
  return { ...createMappingState(), openCalls };
}
const list = (...tasks: object[]): object => ({ type: 'system', subtype: 'background_tasks_changed', tasks });
const shell = (taskId: string, description: string): object => ({
  task_id: taskId,
  task_type: 'local_bash',
  description,
});

describe('background tasks', () => {
  test('are reported all together, with the description of the call that started each', () => {
    const tasks = new BackgroundTasks();
    const state = stateWith({ one: { description: 'Count', command: 'seq 3' }, two: { command: 'sleep 1' } });
    expect(tasks.add({ taskId: 'a', kind: 'local_bash', toolCallId: 'one' }, state)).toEqual(list(shell('a', 'Count')));
    expect(tasks.add({ taskId: 'b', kind: 'local_bash', toolCallId: 'two' }, state)).toEqual(
      list(shell('a', 'Count'), shell('b', 'sleep 1')),
    );
    expect(tasks.count).toBe(2);
  });

  test.each([
    ['has no id', undefined, { description: 'Count' }],
    ['is not open', 'other', { description: 'Count' }],
    ['says nothing', 'one', null],
    ['says it in another way', 'one', { description: 5, command: ['ls'] }],
  ])('have no description if the call %s', (_, toolCallId, input) => {
    const tasks = new BackgroundTasks();
    expect(tasks.add({ taskId: 'a', kind: 'local_bash', toolCallId }, stateWith({ one: input }))).toEqual(
      list(shell('a', '')),
    );
  });

  test('end one by one, each once', () => {
    const tasks = new BackgroundTasks();
    const state = stateWith({ one: { command: 'ls' } });
    tasks.add({ taskId: 'a', kind: 'local_bash', toolCallId: 'one' }, state);
    tasks.add({ taskId: 'b', kind: 'local_bash', toolCallId: 'one' }, state);
    expect(tasks.end('a')).toEqual([list(shell('b', 'ls'))]);
    expect(tasks.end('a')).toEqual([]);
    expect(tasks.end('never begun')).toEqual([]);
    expect(tasks.end('b')).toEqual([list()]);
    expect(tasks.count).toBe(0);
  });

  test('PTY-18: that ended before the result of their call was written are over', () => {
    const tasks = new BackgroundTasks();
    const state = stateWith({ one: { command: 'ls' }, two: { command: 'ls' } });
    expect(tasks.end('a', 'one')).toEqual([]);
    expect(tasks.add({ taskId: 'a', kind: 'local_agent', toolCallId: 'one' }, state)).toBeUndefined();
    expect(tasks.count).toBe(0);
    // An agent that another call wakes up again keeps its id.
    expect(tasks.add({ taskId: 'a', kind: 'local_agent', toolCallId: 'two' }, state)).toBeDefined();
    expect(tasks.end('a', 'two')).toEqual([list()]);
    // A call that has ended once is not taken for one that ended early.
    expect(tasks.add({ taskId: 'a', kind: 'local_agent', toolCallId: 'two' }, state)).toBeDefined();
  });

  test('end with their program, which is reported once', () => {
    const tasks = new BackgroundTasks();
    tasks.add({ taskId: 'a', kind: 'local_agent', toolCallId: undefined }, stateWith({}));
    expect(tasks.clear()).toEqual([list()]);
    expect(tasks.clear()).toEqual([]);
  });
});
