/**
 * Turns a whole transcript into the events of a chat's log: what was said and done before the chat existed. What
 * mattered only during its turn (usage, modes, task lists) is left out.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentBody } from '../../../protocol/event.ts';
import type { History } from '../../agent.ts';
import type { AgentEvent } from '../../agent-backend.ts';
import { asList, asRecord, asText } from './loose-json.ts';
import { mapSdkMessage } from './map-sdk-message.ts';
import { endOpenCalls } from './map-tool-result.ts';
import { createMappingState, type MappingState, newTurn } from './mapping-state.ts';
import { readLine, type TranscriptLine } from './transcript-line.ts';

const toldTypes = [
  'user_message',
  'incoming_message',
  'agent_message',
  'agent_thought',
  'tool_call',
  'tool_call_update',
  'plan',
  'notice',
];

export function createHistoryMapper(): History {
  // A session that has started; otherwise events would be held back until it does.
  let state: MappingState = { ...createMappingState(), sessionId: 'history' };

  const take = (mapped: { events: readonly AgentEvent[]; state: MappingState }): AgentBody[] => {
    ({ state } = mapped);
    return mapped.events.filter((event): event is AgentBody => toldTypes.includes(event.type));
  };
  const endTurn = (): AgentBody[] => {
    const events = take(endOpenCalls(state));
    state = { ...state, turn: newTurn };
    return events;
  };
  const mapLine = (line: TranscriptLine): AgentBody[] => {
    switch (line.is) {
      case 'frame':
      case 'background':
        return take(mapSdkMessage(line.frame, state));
      case 'prompt':
      case 'aside': {
        const ended = line.is === 'prompt' ? endTurn() : [];
        if (line.content.length === 0) return ended;
        return [...ended, { type: 'user_message', messageId: line.id, content: line.content }];
      }
      case 'incoming':
        return [...(line.isPrompt ? endTurn() : []), line.message];
      case 'api_error':
        return [...endTurn(), failure(line)];
      case 'interrupted':
        return [
          ...endTurn(),
          { type: 'notice', level: 'info', code: 'interrupted', message: 'The turn was interrupted.' },
        ];
      case 'turn_end':
        return endTurn();
      default:
        return [];
    }
  };
  return {
    map: (entries) =>
      entries
        // Older programs stored sub-agents' lines among the others.
        .filter((entry) => entry['isSidechain'] !== true)
        .flatMap((entry) => mapLine(readLine(entry))),
    end: endTurn,
  };
}

/** All of a transcript at once. */
export function mapTranscriptLines(entries: readonly SessionStoreEntry[]): AgentBody[] {
  const mapper = createHistoryMapper();
  return [...mapper.map(entries), ...mapper.end()];
}

/** An answer that the program wrote itself instead of the model. */
function failure({ frame }: Extract<TranscriptLine, { is: 'api_error' }>): AgentBody {
  const content = asList(asRecord(asRecord(frame)['message'])['content']);
  const text = content.map((block) => asText(asRecord(block)['text']) ?? '').join('\n');
  return { type: 'notice', level: 'error', code: 'model_error', message: text || 'The model failed.' };
}
