import type { Event } from '../../protocol/event.ts';
import { forkedText } from '../../protocol/fork-text.ts';
import { acceptanceWords } from '../../protocol/incoming-words.ts';
import { hostWords } from '../../protocol/host-words.ts';
import { isParked } from '../../protocol/is-parked.ts';
import { interruptedWords } from '../../protocol/interrupted-words.ts';
import { scheduledText, scheduleLine } from '../../protocol/schedule-text.ts';
import { suspendedText } from '../../protocol/suspended-text.ts';
import type { Item } from './chat-log.ts';

const modeWords: Record<string, string> = {
  default: 'ask before changes',
  acceptEdits: 'accept edits',
  plan: 'plan first',
  dontAsk: 'do not ask',
  auto: 'automatic',
  bypassPermissions: 'allow everything',
};
export const modeText = (mode: string): string => modeWords[mode] ?? mode;

const rewoundText = (count: number): string =>
  count === 1
    ? 'The last prompt was rewound: the agent continues from before it.'
    : `The last ${count} prompts were rewound: the agent continues from before them.`;
const effortText = (effort: string | null): string => `Effort: ${effort ?? 'the agent’s choice'}`;
const modelText = (model: string | null): string => `Model: ${model ?? 'the agent’s choice'}`;

const hostPromptText = 'The usage limit has reset: the server asks the agent to go on.';

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

const partial = ({ isPartial }: { isPartial?: true | undefined }) => (isPartial ? { isPartial } : {});

/** The items an event adds to the conversation: one per prompt when a turn starts. */
export function toItems(event: Event): Item[] {
  const { seq } = event;
  const notice = (level: 'info' | 'warning' | 'error', code: string, text: string): Item[] => [
    { key: `e:${seq}`, seq, kind: 'notice', level, code, text },
  ];
  switch (event.type) {
    case 'turn_started':
      return event.promptIds.map((promptId) => ({ key: `p:${promptId}:${seq}`, seq, kind: 'prompt', promptId }));
    case 'user_message':
      return [{ key: `u:${seq}`, seq, kind: 'user', content: event.content }];
    case 'incoming_message':
      return [{ key: `i:${seq}`, seq, kind: 'incoming', origin: event.origin, content: event.content }];
    case 'agent_message':
      return [{ key: `m:${event.messageId}`, seq, kind: 'message', content: event.content, ...partial(event) }];
    case 'agent_thought':
      return [{ key: `t:${event.messageId}`, seq, kind: 'thought', content: event.content, ...partial(event) }];
    case 'tool_call': {
      const { toolCallId, toolName, title, kind, rawInput, turnId } = event;
      const call = { toolCallId, toolName, title, kind, input: rawInput, turnId };
      return [{ key: `c:${toolCallId}`, seq, kind: 'tool', call }];
    }
    case 'decision_requested':
      return [{ key: `d:${event.decisionId}`, seq, kind: 'decision', asked: event }];
    case 'notice':
      return notice(event.level, event.code, event.message);
    case 'current_mode_update':
      return notice('info', 'mode', `Permission mode: ${modeText(event.permissionMode)}`);
    case 'current_model_update':
      return notice('info', 'model', modelText(event.model));
    case 'current_effort_update':
      return notice('info', 'effort', effortText(event.effort));
    case 'current_directory_update':
      return notice('info', 'directory', `The agent works in ${event.cwd}.`);
    case 'session_info_update':
      return notice('info', 'title', `Title: ${event.title}`);
    case 'session_rewound':
      return notice('info', 'rewound', rewoundText(event.promptIds.length));
    case 'files_rewind_started':
      return [{ key: `r:${event.rewindId}`, seq, kind: 'rewind', started: event }];
    case 'chat_forked':
      return notice('info', 'forked', forkedText);
    case 'chat_updated':
      if (event.movedToHost || event.host !== undefined) return notice('info', 'host', hostWords(event).join(' '));
      if (event.cwd !== undefined)
        return notice(
          'info',
          'moved',
          `The chat continues in ${event.cwd}.${event.trusted === false ? ' That directory is not trusted yet.' : ''}`,
        );
      if (event.backend !== undefined) return [{ key: `e:${seq}`, seq, kind: 'flip', backend: event.backend }];
      if (event.acceptsAgentMessages !== undefined)
        return notice('info', 'agent_messages', acceptanceWords(event.acceptsAgentMessages));
      if (event.onInterrupted !== undefined)
        return notice('info', 'on_interrupted', interruptedWords(event.onInterrupted));
      if (event.model !== undefined) return notice('info', 'model', modelText(event.model));
      if (event.effort !== undefined) return notice('info', 'effort', effortText(event.effort));
      return [];
    case 'prompt_accepted':
      // A person's prompts are shown when their turn starts.
      if (event.by === 'host' && !event.principal) return notice('info', 'host_prompt', hostPromptText);
      return event.schedule ? notice('info', 'scheduled', sentence(scheduledText(event)!)) : [];
    case 'schedule_created':
    case 'schedule_paused':
    case 'schedule_resumed':
    case 'schedule_removed':
    case 'schedule_skipped':
      return notice('info', 'schedule', sentence(scheduleLine(event)));
    case 'queue_held':
      return notice(
        'warning',
        'held',
        `${isParked(event) ? 'The chat is parked.' : 'The queue is held.'} ${event.message}`,
      );
    case 'queue_resumed':
      return notice('info', 'resumed', 'The queue was resumed.');
    case 'turn_finished':
      // The agent never received the prompt: show only why.
      if (event.requeuedPromptIds)
        return notice('info', 'requeued', event.error?.message ?? 'The prompt is queued again.');
      if (event.openDecisionIds) return notice('info', 'suspended', suspendedText(event)!);
      return [{ key: `f:${seq}`, seq, kind: 'turn', finished: event }];
    default:
      // Other events update something held by id or shown once. Events unknown to this version are ignored too.
      return [];
  }
}
