// What a link shows of each kind of event.
import { expect, test } from 'vitest';
import { eventBody, type Event } from '../protocol/event.ts';
import { sharedEvent, sharedReader } from './shared-view.ts';

const hidden = 'HIDDEN';
const envelope = { chatId: '11111111-1111-4111-8111-111111111111', seq: 7, at: '2030-01-01T00:00:00.000Z' };
const person = { id: hidden, name: 'Ada', role: 'owner' };
const text = [{ type: 'text', text: 'SHOWN' }];

/** Of each kind, with all that may be in it; what is not to be seen is marked. */
const full: Record<string, object> = {
  user_message: { messageId: 'm', content: text },
  incoming_message: { messageId: 'm', origin: { kind: 'teammate', name: 'SHOWN' }, content: text },
  agent_message: { messageId: 'm', content: text },
  agent_thought: { messageId: 'm', content: text },
  tool_call: { toolCallId: 'c', title: 'SHOWN', kind: 'execute', toolName: 'Bash', rawInput: { command: 'SHOWN' } },
  tool_call_update: {
    toolCallId: 'c',
    status: 'completed',
    content: [{ type: 'content', content: text[0] }],
    rawOutput: { originalFile: hidden, structuredPatch: [] },
  },
  plan: { entries: [{ content: 'SHOWN', priority: 'high', status: 'pending' }] },
  prompt_accepted: {
    promptId: 'p',
    content: text,
    by: 'Ada',
    principal: person,
    via: hidden,
    schedule: { id: hidden },
  },
  prompt_cancelled: { promptId: 'p', by: hidden, principal: person, via: hidden },
  session_rewound: { promptIds: ['p'], sessionId: hidden, by: hidden, principal: person },
  turn_started: { turnId: 't', promptIds: ['p'] },
  turn_finished: {
    turnId: 't',
    outcome: 'failed',
    error: { code: 'model_error', message: hidden },
    usage: { inputTokens: 4711, outputTokens: 4711, cacheReadInputTokens: 4711, cacheCreationInputTokens: 4711 },
    costUsd: 4711,
    openDecisionIds: [hidden],
    by: hidden,
    principal: person,
  },
};
const kinds = eventBody.options.map((option) => option.shape.type.value);

test.each(kinds)('SHARE-10: %s is shown without what only people of the chat know, or not at all', (type) => {
  // A field that no version knows, and in what is not shown at all every field.
  const event = {
    ...envelope,
    ...full[type],
    type,
    [hidden]: hidden,
    message: hidden,
    cwd: hidden,
  } as unknown as Event;
  const shown = sharedEvent(event);
  expect(shown === undefined).toBe(!(type in full));
  expect(JSON.stringify(shown ?? {})).not.toMatch(/HIDDEN|4711/);
  const marked = JSON.stringify(full[type] ?? {}).includes('SHOWN');
  expect(JSON.stringify(shown ?? {}).includes('SHOWN')).toBe(marked);
});

test('SHARE-10: an event of a kind that is not known here is not shown', () => {
  expect(sharedEvent({ ...envelope, type: 'of_tomorrow', content: hidden } as unknown as Event)).toBeUndefined();
});

test('SHARE-10: a feed shows the same as the pages do', async () => {
  const event = { ...envelope, ...full['turn_finished'], type: 'turn_finished' } as unknown as Event;
  const notice = { ...envelope, type: 'notice', level: 'info', code: 'x', message: hidden } as unknown as Event;
  let isClosed = false;
  const reader = sharedReader({
    items: (async function* () {
      yield { kind: 'event', event, cursor: `7-${hidden}` } as const;
      yield { kind: 'event', event: notice } as const;
    })(),
    end: undefined,
    close: () => (isClosed = true),
  });
  const items = [];
  for await (const item of reader.items) items.push(item);
  expect(items).toEqual([{ kind: 'event', event: sharedEvent(event) }]);
  reader.close();
  expect(isClosed).toBe(true);
});
