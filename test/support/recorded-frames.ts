/** Frames of real turns, recorded by `scripts/record-frames.mjs`: one file per scenario, one message per line. */
import { readdirSync, readFileSync } from 'node:fs';
import type { AgentEvent } from '../../src/agents/agent-backend.ts';
import { mapSdkMessage } from '../../src/agents/claude/mapping/map-sdk-message.ts';
import { createMappingState, type MappingState } from '../../src/agents/claude/mapping/mapping-state.ts';

const directory = new URL('../fixtures/frames/', import.meta.url);

export const recordingNames: readonly string[] = readdirSync(directory)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => name.slice(0, -'.jsonl'.length))
  .toSorted();

export function readRecording(name: string): unknown[] {
  return readFileSync(new URL(`${name}.jsonl`, directory), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

export interface Replay {
  events: AgentEvent[];
  state: MappingState;
  unmapped: string[];
  mirrorFailures: number;
}

export function replay(frames: readonly unknown[], from: MappingState = createMappingState()): Replay {
  const result: Replay = { events: [], state: from, unmapped: [], mirrorFailures: 0 };
  for (const frame of frames) {
    const next = mapSdkMessage(frame as Parameters<typeof mapSdkMessage>[0], result.state);
    result.events.push(...next.events);
    result.state = next.state;
    if (next.unmapped !== undefined) result.unmapped.push(next.unmapped);
    if (next.mirrorFailed) result.mirrorFailures += 1;
  }
  return result;
}

const previews = new Set(['agent_message_chunk', 'agent_thought_chunk', 'tool_call_chunk']);
const background = new Set(['session_started', 'available_commands_update', 'usage_update']);

/** The durable events in short form, one line each, without those that every turn has. */
export function outline(events: readonly AgentEvent[]): string[] {
  return events.filter((event) => !previews.has(event.type) && !background.has(event.type)).map(shortly);
}

function shortly(event: AgentEvent): string {
  const inside = 'parentToolCallId' in event && event.parentToolCallId !== undefined ? '  ' : '';
  switch (event.type) {
    case 'agent_message':
    case 'agent_thought': {
      const text = event.content.map((block) => (block.type === 'text' ? block.text : '[image]')).join('');
      const line = text.split('\n')[0] ?? '';
      return `${inside}${event.type === 'agent_message' ? 'says' : 'thinks'}: ${line.slice(0, 60)}`;
    }
    case 'tool_call':
      return `${inside}calls ${event.toolName} (${event.kind}): ${event.title}`;
    case 'tool_call_update':
      return `${inside}${event.status}: ${event.content.map((part) => part.type).join(', ')}`;
    case 'plan':
      return `plan: ${event.entries.map((entry) => `${entry.content} ${entry.status}`).join(', ')}`;
    case 'notice':
      return `${event.level} ${event.code}`;
    case 'background_tasks':
      return `background: ${event.tasks.map((task) => task.kind).join(', ') || 'none'}`;
    case 'current_mode_update':
      return `mode: ${event.permissionMode}`;
    case 'turn_finished':
      return event.error ? `${event.outcome}: ${event.error.code}` : event.outcome;
    default:
      return event.type;
  }
}
