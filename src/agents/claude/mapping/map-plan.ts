/**
 * The agent's plan. `TodoWrite` has the whole list in its input; the task tools change one entry at a time, and a new
 * task's id is only in the result.
 */
import type { AgentEvent, AgentEventOf } from '../../agent-backend.ts';
import { asList, asRecord, asText, isRecord, oneOf } from './loose-json.ts';
import type { OpenCall, PlanItem } from './mapping-state.ts';

const statuses = ['pending', 'in_progress', 'completed'] as const;

type Plan = ReadonlyMap<string, PlanItem>;

/** The plan in a call's input, if there is one. */
export function planFromInput(toolName: string, input: unknown): Plan | undefined {
  const todos = asRecord(input)['todos'];
  if (toolName !== 'TodoWrite' || !Array.isArray(todos)) return undefined;
  return new Map(todos.flatMap((todo: unknown, index) => planItem(`todo ${index}`, asRecord(todo)['content'], todo)));
}

/** The plan after a call has succeeded; undefined if it did not change. */
export function planFromResult(plan: Plan, call: OpenCall, output: unknown): Plan | undefined {
  const input = asRecord(call.input);
  const result = asRecord(output);
  switch (call.toolName) {
    case 'TaskCreate': {
      const task = asRecord(result['task']);
      const id = asText(task['id']);
      const item = id === undefined ? [] : planItem(id, asText(task['subject']) ?? input['subject'], task);
      return item.length === 0 ? undefined : new Map([...plan, ...item]);
    }
    case 'TaskUpdate': {
      const id = asText(input['taskId']);
      if (id === undefined || result['success'] === false) return undefined;
      const next = new Map(plan);
      if (input['status'] === 'deleted') return next.delete(id) ? next : undefined;
      const before = plan.get(id);
      // A task from before this process started: its name is unknown until the agent lists its tasks.
      const content = asText(input['subject']) ?? before?.content;
      if (content === undefined) return undefined;
      const status = oneOf(statuses, input['status']) ?? before?.status ?? 'pending';
      if (before?.content === content && before.status === status) return undefined;
      return next.set(id, { content, status });
    }
    case 'TaskList': {
      if (!Array.isArray(result['tasks'])) return undefined;
      const listed = asList(result['tasks']).flatMap((task) =>
        planItem(asText(asRecord(task)['id']), asRecord(task)['subject'], task),
      );
      const next = new Map(listed);
      return JSON.stringify([...next]) === JSON.stringify([...plan]) ? undefined : next;
    }
    default:
      return undefined;
  }
}

function planItem(id: string | undefined, content: unknown, source: unknown): [string, PlanItem][] {
  const text = asText(content);
  if (id === undefined || text === undefined || !isRecord(source)) return [];
  return [[id, { content: text, status: oneOf(statuses, source['status']) ?? 'pending' }]];
}

export function planEvent(plan: Plan): AgentEvent {
  const entries = [...plan.values()].map(({ content, status }): AgentEventOf<'plan'>['entries'][number] => ({
    content,
    priority: 'medium',
    status,
  }));
  return { type: 'plan', entries };
}
