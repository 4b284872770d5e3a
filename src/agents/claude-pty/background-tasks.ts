/** The agent's background work, as far as its transcript shows it: started by a call, ended by a note. */
import type { UnknownFrame } from '../claude/mapping/map-sdk-message.ts';
import type { MappingState } from '../claude/mapping/mapping-state.ts';

interface BegunTask {
  taskId: string;
  kind: string;
  toolCallId: string | undefined;
}

interface Task {
  task_id: string;
  task_type: string;
  description: string;
}

export class BackgroundTasks {
  readonly #tasks = new Map<string, Task>();

  get count(): number {
    return this.#tasks.size;
  }

  /** The frame that lists all tasks, including this one. Create it before the result of its call closes the call. */
  add({ taskId, kind, toolCallId }: BegunTask, { openCalls }: MappingState): UnknownFrame {
    const input = toolCallId === undefined ? undefined : openCalls.get(toolCallId)?.input;
    this.#tasks.set(taskId, { task_id: taskId, task_type: kind, description: descriptionOf(input) });
    return this.#frame();
  }

  end(taskId: string): UnknownFrame[] {
    return this.#tasks.delete(taskId) ? [this.#frame()] : [];
  }

  clear(): UnknownFrame[] {
    if (this.#tasks.size === 0) return [];
    this.#tasks.clear();
    return [this.#frame()];
  }

  #frame(): UnknownFrame {
    return { type: 'system', subtype: 'background_tasks_changed', tasks: [...this.#tasks.values()] };
  }
}

function descriptionOf(input: unknown): string {
  const { description, command } = (input ?? {}) as { description?: unknown; command?: unknown };
  if (typeof description === 'string') return description;
  return typeof command === 'string' ? command : '';
}
