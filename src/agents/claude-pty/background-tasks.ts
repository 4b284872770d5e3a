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

const maxEndedEarly = 100;

export class BackgroundTasks {
  readonly #tasks = new Map<string, Task>();
  /** Calls whose work had ended before their result was written: the program may write the two in either order. */
  readonly #endedEarly = new Set<string>();

  get count(): number {
    return this.#tasks.size;
  }

  /**
   * The frame that lists all tasks, including this one; undefined if it has ended already. Create it before the result of
   * its call closes the call.
   */
  add({ taskId, kind, toolCallId }: BegunTask, { openCalls }: MappingState): UnknownFrame | undefined {
    if (toolCallId !== undefined && this.#endedEarly.delete(toolCallId)) return undefined;
    const input = toolCallId === undefined ? undefined : openCalls.get(toolCallId)?.input;
    this.#tasks.set(taskId, { task_id: taskId, task_type: kind, description: descriptionOf(input) });
    return this.#frame();
  }

  /** `toolCallId` is the call that started it, if that may not have been read yet. */
  end(taskId: string, toolCallId?: string): UnknownFrame[] {
    if (this.#tasks.delete(taskId)) return [this.#frame()];
    if (toolCallId !== undefined) this.#endedEarly.add(toolCallId);
    for (const each of this.#endedEarly) if (this.#endedEarly.size > maxEndedEarly) this.#endedEarly.delete(each);
    return [];
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
