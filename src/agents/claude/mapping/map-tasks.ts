/**
 * Work that runs alongside the turn. Each list of running tasks replaces the one before it; frames about single tasks
 * only add an event when one ends.
 */
import type {
  SDKBackgroundTasksChangedMessage,
  SDKTaskNotificationMessage,
  SDKTaskStartedMessage,
  SDKTaskUpdatedMessage,
} from '@anthropic-ai/claude-agent-sdk';
import { asList, asRecord, asText, oneOf } from './loose-json.ts';
import { type Mapped, mapped, type MappingState } from './mapping-state.ts';
import { notice } from './notice.ts';
import { oneLine } from './one-line.ts';

const maxSummaryLength = 2000;

export function mapBackgroundTasks(frame: SDKBackgroundTasksChangedMessage, state: MappingState): Mapped {
  const tasks = asList(frame.tasks)
    .map(asRecord)
    .filter((task) => task['ambient'] !== true)
    .flatMap((task) => {
      const taskId = asText(task['task_id']);
      if (taskId === undefined) return [];
      const description = oneLine(asText(task['description']) ?? '');
      return [{ taskId, kind: asText(task['task_type']) ?? 'task', description }];
    });
  const backgroundTasks = JSON.stringify(tasks);
  if (backgroundTasks === state.backgroundTasks) return mapped(state);
  return mapped({ ...state, backgroundTasks }, { type: 'background_tasks', tasks });
}

export function mapTaskStarted(frame: SDKTaskStartedMessage, state: MappingState): Mapped {
  const taskId = asText(frame.task_id);
  if (taskId === undefined || frame.is_backgrounded !== false) return mapped(state);
  return mapped({ ...state, foregroundTasks: new Set(state.foregroundTasks).add(taskId) });
}

export function mapTaskUpdated(frame: SDKTaskUpdatedMessage, state: MappingState): Mapped {
  if (asRecord(frame.patch)['is_backgrounded'] !== true) return mapped(state);
  return mapped(withoutForeground(state, frame.task_id));
}

function withoutForeground(state: MappingState, taskId: string): MappingState {
  if (!state.foregroundTasks.has(taskId)) return state;
  const foregroundTasks = new Set(state.foregroundTasks);
  foregroundTasks.delete(taskId);
  return { ...state, foregroundTasks };
}

const endings = { completed: 'is done', failed: 'failed', stopped: 'was stopped' } as const;

export function mapTaskNotification(frame: SDKTaskNotificationMessage, state: MappingState): Mapped {
  const foreground = state.foregroundTasks.has(frame.task_id);
  const next = withoutForeground(state, frame.task_id);
  if (foreground || frame.ambient === true || frame.skip_transcript === true) return mapped(next);
  const status = oneOf(['completed', 'failed', 'stopped'], frame.status) ?? 'completed';
  const summary = oneLine(asText(frame.summary) ?? '', maxSummaryLength);
  const message = `A background task ${endings[status]}${summary === '' ? '.' : `: ${summary}`}`;
  const data = {
    taskId: asText(frame.task_id),
    toolCallId: asText(frame.tool_use_id),
    status,
    reason: asText(frame.reason),
    outputFile: asText(frame.output_file),
  };
  return mapped(next, notice(status === 'failed' ? 'warning' : 'info', 'task_ended', message, data));
}
