import { describe, expect, it } from 'vitest';
import type { Delta, Event, EventBody } from '../../protocol/event.ts';
import { type ChatLog, emptyLog, LogHole } from './chat-log.ts';
import { append, asCold, dropDrafts, knownPlan, knownUsage, prepend, preview, setWaiting, withDrafts } from './fold.ts';

const chatId = '11111111-1111-4111-8111-111111111111';
const turnId = '22222222-2222-4222-8222-222222222222';
const secondId = '33333333-3333-4333-8333-333333333333';
const usage = { inputTokens: 1, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
const text = (words: string) => [{ type: 'text' as const, text: words }];

function numbered(bodies: EventBody[], from = 1): Event[] {
  return bodies.map((body, index) => ({
    chatId,
    seq: from + index,
    at: new Date(1_700_000_000_000 + (from + index) * 1000).toISOString(),
    turnId,
    ...body,
  }));
}
const prompt = (promptId: string): EventBody => ({ type: 'prompt_accepted', promptId, content: text(promptId) });
const started = (...promptIds: string[]): EventBody => ({ type: 'turn_started', turnId, promptIds });
const finished: EventBody = { type: 'turn_finished', turnId, outcome: 'completed', usage, costUsd: 0.1 };
const said = (messageId: string, words = messageId, parentToolCallId?: string): EventBody => ({
  type: 'agent_message',
  messageId,
  content: text(words),
  ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
});
const called = (toolCallId: string, toolName = 'Bash', parentToolCallId?: string): EventBody => ({
  type: 'tool_call',
  toolCallId,
  title: toolCallId,
  kind: 'execute',
  toolName,
  rawInput: { command: 'ls' },
  ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
});
const result = (toolCallId: string): EventBody => ({
  type: 'tool_call_update',
  toolCallId,
  status: 'completed',
  content: [],
  rawOutput: null,
});
const chunk = (messageId: string, words: string, parentToolCallId?: string): Delta => ({
  chatId,
  type: 'agent_message_chunk',
  messageId,
  content: { type: 'text', text: words },
  ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
});
const retried = (attempt: number): EventBody => ({
  type: 'notice',
  level: 'warning',
  code: 'api_retry',
  message: `Retry ${attempt} of 10`,
});
const asked = (id: string, toolCallId: string): EventBody => ({
  type: 'decision_requested',
  decisionId: `${id}000000-0000-4000-8000-000000000000`,
  kind: 'permission',
  toolCallId,
  title: 'Bash: ls',
  input: { command: 'ls' },
  canAllowAlways: false,
});
const answered = (id: string): EventBody => ({
  type: 'decision_resolved',
  decisionId: `${id}000000-0000-4000-8000-000000000000`,
  outcome: 'allow',
  by: 'test',
});
const plan = (content: string): EventBody => ({
  type: 'plan',
  entries: [{ content, priority: 'medium', status: 'pending' }],
});

const conversation = numbered([
  prompt('one'),
  started('one'),
  said('m1'),
  called('c1'),
  asked('d1', 'c1'),
  answered('d1'),
  result('c1'),
  prompt('two'),
  finished,
  { ...started('two'), turnId: secondId } as EventBody,
  plan('first'),
  called('agent', 'Agent'),
  said('sub1', 'below', 'agent'),
  called('c2', 'Bash', 'agent'),
  result('c2'),
  result('agent'),
  plan('second'),
  said('m2'),
  { ...finished, turnId: secondId },
]);
const keys = (log: ChatLog): string[] => log.items.map(({ key }) => key);
/** The whole log, with its maps as objects: their order does not matter. */
const seen = (log: ChatLog): unknown => ({
  ...log,
  children: Object.fromEntries(log.children),
  prompts: Object.fromEntries(log.prompts),
  results: Object.fromEntries(log.results),
  settled: Object.fromEntries(log.settled),
  askedFor: Object.fromEntries(log.askedFor),
  turns: Object.fromEntries(log.turns),
});

describe('WEB-21: a chat’s events', () => {
  const whole = append(emptyLog(), conversation);

  it('appear in order, prompts where their turn starts', () => {
    expect(keys(whole)).toEqual([
      'p:one:2',
      'm:m1',
      'c:c1',
      'd:d1000000-0000-4000-8000-000000000000',
      'f:9',
      'p:two:10',
      'c:agent',
      'm:m2',
      'f:19',
    ]);
    expect(whole.children.get('agent')?.map(({ key }) => key)).toEqual(['m:sub1', 'c:c2']);
    expect(whole).toMatchObject({ before: 0, last: 19, waiting: [], openTurn: undefined });
    expect(whole.latest.plan?.entries[0]?.content).toBe('second');
    expect(whole.results.get('c2')?.status).toBe('completed');
    expect(whole.settled.get(whole.askedFor.get('c1') ?? '')?.outcome).toBe('allow');
  });

  it('are added once, however often they arrive', () => {
    expect(append(whole, conversation)).toBe(whole);
    const twice = append(append(emptyLog(), conversation.slice(0, 9)), conversation.slice(4));
    expect(seen(twice)).toEqual(seen(whole));
    expect(seen(append(emptyLog(), [...conversation, ...conversation]))).toEqual(seen(whole));
  });

  it('are rejected after a gap', () => {
    const [first, , third] = conversation;
    expect(() => append(emptyLog(), [first!, third!])).toThrow(LogHole);
    expect(() => append(emptyLog(), conversation.slice(1))).toThrow('Event 2 came after event 0.');
  });

  it('give the same log, wherever it is cut and whichever part comes first', () => {
    for (let cut = 1; cut < conversation.length; cut += 1) {
      const end = append(emptyLog(cut), conversation.slice(cut));
      expect([end.before, end.last]).toEqual([cut, 19]);
      expect(seen(prepend(end, conversation.slice(0, cut)))).toEqual(seen(whole));
      for (let other = 1; other < cut; other += 1) {
        const middle = prepend(end, conversation.slice(other, cut));
        expect(seen(prepend(middle, conversation.slice(0, other)))).toEqual(seen(whole));
      }
    }
  });

  it('must connect to the held range if they are older, and are added once', () => {
    const end = append(emptyLog(9), conversation.slice(9));
    expect(() => prepend(end, conversation.slice(0, 5))).toThrow(LogHole);
    expect(prepend(whole, conversation.slice(0, 5))).toBe(whole);
  });

  it('are ignored if their type is unknown', () => {
    const log = append(emptyLog(), numbered([{ type: 'tomorrow' } as unknown as EventBody, said('m1')]));
    expect([keys(log), log.last]).toEqual([['m:m1'], 2]);
  });
});

describe('the running turn', () => {
  const open = numbered([prompt('one'), started('one'), said('m1'), called('c1'), result('c1'), said('m2')]);
  const outside = (bodies: EventBody[], from: number): Event[] =>
    numbered(bodies, from).map((event) => ({ ...event, turnId: undefined }) as Event);

  it('is known until its end, even if its start is not held', () => {
    const end = append(emptyLog(3), open.slice(3));
    expect(end.openTurn).toBe(turnId);
    expect(append(end, numbered([finished], 7)).openTurn).toBeUndefined();
    expect(append(append(end, numbered([finished], 7)), numbered([result('late')], 8)).openTurn).toBeUndefined();
  });

  it('is found in an older page if no event of the last page belongs to a turn', () => {
    const last = append(emptyLog(6), outside([said('aside')], 7));
    expect(last.openTurn).toBeUndefined();
    expect(prepend(last, open.slice(3)).openTurn).toBe(turnId);
    expect(prepend(prepend(last, open.slice(3)), open.slice(0, 3)).openTurn).toBe(turnId);
  });

  it('is not one that has ended, even if one of its events arrives late', () => {
    const over = [...open, ...numbered([finished], 7), ...numbered([result('late')], 8)];
    expect(append(emptyLog(), over).openTurn).toBeUndefined();
    expect(append(emptyLog(6), over.slice(6)).openTurn).toBeUndefined();
    expect(prepend(append(emptyLog(7), over.slice(7)), over.slice(0, 7)).openTurn).toBeUndefined();
    expect(append(emptyLog(8), numbered([answered('d1')], 9)).openTurn).toBeUndefined();
    const next = [{ ...started('two'), turnId: secondId } as EventBody, result('later')];
    expect(append(emptyLog(8), numbered(next, 9)).openTurn).toBe(secondId);
  });
});

describe('WEB-22: previews', () => {
  const running = append(emptyLog(), conversation.slice(0, 2));

  it('grow, and are replaced by their event', () => {
    const draft = preview(preview(running, [chunk('m1', 'Hel')]), [chunk('m1', 'lo'), chunk('m9', 'x')]);
    expect(withDrafts(draft.items, draft.drafts, undefined)).toMatchObject([
      { key: 'p:one:2' },
      { key: 'm:m1', content: text('Hello'), isDraft: true },
      { key: 'm:m9', isDraft: true },
    ]);
    const stored = append(draft, numbered([said('m1', 'Hello!')], 3));
    expect(withDrafts(stored.items, stored.drafts, undefined)).toMatchObject([
      { key: 'p:one:2' },
      { key: 'm:m1', content: text('Hello!') },
      { key: 'm:m9' },
    ]);
  });

  it('TURN-26: are replaced by what was kept of a message that was cut off', () => {
    const draft = preview(running, [chunk('m1', 'Hello')]);
    const stored = append(draft, numbered([{ ...said('m1', 'Hel'), isPartial: true } as EventBody], 3));
    expect(withDrafts(stored.items, stored.drafts, undefined)).toMatchObject([
      { key: 'p:one:2' },
      { key: 'm:m1', content: text('Hel'), isPartial: true },
    ]);
  });

  it('of a sub-agent appear inside it', () => {
    const draft = preview(running, [chunk('s', 'below', 'agent')]);
    expect(withDrafts(draft.items, draft.drafts, undefined)).toHaveLength(1);
    expect(withDrafts([], draft.drafts, 'agent')).toMatchObject([{ key: 'm:s' }]);
  });

  it('are dropped at the end of the turn, and start over after a reconnect', () => {
    const draft = preview(running, [chunk('m1', 'never stored')]);
    expect(append(draft, numbered([finished], 3)).drafts).toEqual([]);
    const again = preview(dropDrafts(draft), [chunk('m1', 'never')]);
    expect(again.drafts).toMatchObject([{ text: 'never' }]);
  });

  it('of a tool call show its input while it streams', () => {
    const piece = (partialInput: string): Delta => ({
      chatId,
      type: 'tool_call_chunk',
      toolCallId: 'c1',
      title: 'Bash',
      partialInput,
    });
    const draft = preview(running, [piece('{"comm'), piece('and":')]);
    expect(withDrafts(draft.items, draft.drafts, undefined)[1]).toMatchObject({
      key: 'c:c1',
      call: { toolName: 'Bash', partialInput: '{"command":' },
    });
    expect(append(draft, numbered([called('c1')], 3)).drafts).toEqual([]);
  });
});

describe('queued prompts', () => {
  const busy = append(emptyLog(), numbered([prompt('a'), started('a'), prompt('b'), prompt('c'), prompt('d')]));

  it('stay in order until they are started, cancelled or moved', () => {
    expect(busy.waiting).toEqual(['b', 'c', 'd']);
    const moved = append(busy, numbered([{ type: 'prompts_reordered', promptIds: ['d', 'b', 'c'] }], 6));
    expect(moved.waiting).toEqual(['d', 'b', 'c']);
    const cancelled = append(moved, numbered([{ type: 'prompt_cancelled', promptId: 'b' }], 7));
    expect(cancelled.waiting).toEqual(['d', 'c']);
    expect(append(cancelled, numbered([finished, started('d')], 8)).waiting).toEqual(['c']);
  });

  it('PROMPT-10: return to the front when they are requeued or sent again, whichever part of the log was read first', () => {
    const back = { ...finished, requeuedPromptIds: ['a'] } as EventBody;
    const log = numbered([prompt('a'), started('a'), prompt('b'), back, started('a'), finished]);
    const given = append(emptyLog(), log.slice(0, 4));
    expect(given.waiting).toEqual(['a', 'b']);
    expect(append(given, log.slice(4)).waiting).toEqual(['b']);
    const again = numbered([{ type: 'queue_resumed', by: 'anna', requeuedPromptIds: ['a'] }], 7);
    expect(append(append(given, log.slice(4)), again).waiting).toEqual(['a', 'b']);
    for (let cut = 0; cut <= log.length; cut += 1) {
      expect(prepend(append(emptyLog(cut), log.slice(cut)), log.slice(0, cut)).waiting).toEqual(['b']);
    }
    expect(new Set(keys(append(emptyLog(), log))).size).toBe(keys(append(emptyLog(), log)).length);
  });

  it('come from the server if they were accepted before the held range', () => {
    const end = append(emptyLog(50), numbered([prompt('new')], 51));
    const log = setWaiting(end, [
      { promptId: 'old', content: text('old') },
      { promptId: 'new', content: text('new') },
    ]);
    expect(log.waiting).toEqual(['old', 'new']);
    expect(log.prompts.get('old')).toEqual(text('old'));
    expect(append(log, numbered([started('old'), prompt('new')], 52)).waiting).toEqual(['new']);
  });

  it('neither come back nor disappear because of a list older than the log', () => {
    expect(setWaiting(busy, [{ promptId: 'a', content: text('a') }]).waiting).toEqual(['b', 'c', 'd']);
  });
});

describe('background tasks', () => {
  const tasks = (...taskIds: string[]): EventBody => ({
    type: 'background_tasks',
    tasks: taskIds.map((taskId) => ({ taskId, kind: 'local_bash', description: taskId })),
  });
  const session: EventBody = { type: 'session_started', sessionId: 's', backend: 'claude_sdk', model: null };
  const alive = (log: ChatLog): string[] | undefined => log.latest.tasks?.tasks.map(({ taskId }) => taskId);

  it('are only those of the current program, whichever end of the log was read first', () => {
    const events = numbered([session, tasks('old'), session, started('p')]);
    expect(alive(append(emptyLog(), events))).toBeUndefined();
    expect(alive(append(emptyLog(), events.slice(0, 2)))).toEqual(['old']);
    expect(alive(prepend(append(emptyLog(2), events.slice(2)), events.slice(0, 2)))).toBeUndefined();
    expect(alive(append(emptyLog(), numbered([session, tasks('old'), session, tasks('new')])))).toEqual(['new']);
  });

  it('are gone once the chat’s program has exited', () => {
    expect(alive(asCold(append(emptyLog(), numbered([session, tasks('old')]))))).toBeUndefined();
  });
});

describe('WEB-66: the plan and the context usage', () => {
  const plan: EventBody = { type: 'plan', entries: [{ content: 'one', priority: 'low', status: 'pending' }] };
  const used: EventBody = { type: 'usage_update', used: 900, size: 1000 };
  const rewound: EventBody = { type: 'session_rewound', promptIds: ['p'], sessionId: 's' };
  const reset: EventBody = { type: 'notice', level: 'info', code: 'conversation_reset', message: 'Reset.' };
  const seqs = (log: ChatLog) => [knownPlan(log)?.seq, knownUsage(log)?.seq];

  it.each([rewound, reset])(
    'are dropped once the agent has forgotten them, whichever end of the log was read first: %j',
    (forgotten) => {
      const events = numbered([prompt('p'), plan, used, forgotten, started('q')]);
      expect(seqs(append(emptyLog(), events.slice(0, 3)))).toEqual([2, 3]);
      expect(seqs(append(emptyLog(), events))).toEqual([undefined, undefined]);
      expect(seqs(prepend(append(emptyLog(3), events.slice(3)), events.slice(0, 3)))).toEqual([undefined, undefined]);
      expect(seqs(append(emptyLog(), numbered([forgotten, plan, used])))).toEqual([2, 3]);
    },
  );
});

describe('WEB-49: a request that fails repeatedly', () => {
  const events = numbered([started(), ...[1, 2, 3, 4].map(retried), said('m'), retried(1), finished]);
  const lines = ({ items }: ChatLog): string[] =>
    items.flatMap((item) => (item.kind === 'notice' ? [`${item.key}: ${item.text}`] : []));

  it('is one line with the newest message, until something else happens', () => {
    expect(lines(append(emptyLog(), events.slice(0, 3)))).toEqual(['e:2: Retry 2 of 10']);
    expect(lines(append(append(emptyLog(), events.slice(0, 3)), events.slice(3)))).toEqual([
      'e:2: Retry 4 of 10',
      'e:7: Retry 1 of 10',
    ]);
  });

  it('is one line across two pages', () => {
    const log = prepend(append(emptyLog(3), events.slice(3)), events.slice(0, 3));
    expect(lines(log).map((line) => line.slice(5))).toEqual(['Retry 4 of 10', 'Retry 1 of 10']);
  });
});
