// What a chat makes of real transcripts' lines, see `scripts/record-transcripts.mjs`.
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, test } from 'vitest';
import { readTranscript, transcriptNames } from '../../../../test/support/recorded-transcripts.ts';
import { textOf } from '../../../protocol/text-of.ts';
import { mapSdkMessage } from './map-sdk-message.ts';
import { createMappingState } from './mapping-state.ts';
import { readLine, type TranscriptLine } from './transcript-line.ts';

const told = (name: string, parent?: string): TranscriptLine[] =>
  readTranscript(name)
    .map((entry) => readLine(entry, parent))
    .filter((line) => line.is !== 'nothing');

/** A short form of each line, without the modes and totals that every transcript has. */
function outline(name: string, parent?: string): string[] {
  return told(name, parent).flatMap((line) => {
    if (line.is === 'totals') return [];
    if (line.is === 'prompt') return [`person: ${textOf(line.content)}`];
    if (line.is === 'incoming')
      return [`${line.message.origin.kind}: ${line.endedTask ?? textOf(line.message.content)}`];
    if (line.is === 'aside') return [`aside: ${textOf(line.content)}`];
    if (line.is === 'task_end') return [`task_end: ${line.taskId}`];
    if (line.is === 'background') return [`background: ${line.kind} ${line.taskId} of ${line.toolCallId}`];
    if (line.is !== 'frame') return [line.is];
    const frame = line.frame as { type: string; subtype?: string; message?: { content?: unknown } };
    if (frame.subtype === 'status') return [];
    const [block] = Array.isArray(frame.message?.content) ? (frame.message.content as { type: string }[]) : [];
    return [`${frame.type} ${frame.subtype ?? block?.type}`];
  });
}

describe('PTY-4: a turn', () => {
  test.each<[string, string[]]>([
    ['text', ['person: stream 3 tokens', 'assistant text', 'turn_end']],
    ['thinking', ['person: think', 'assistant thinking', 'assistant text', 'turn_end']],
    [
      'two-turns',
      ['person: stream 3 tokens', 'assistant text', 'turn_end', 'person: what did I say', 'assistant text', 'turn_end'],
    ],
    [
      'tool-failed',
      [
        'person: run: ls missing',
        'assistant text',
        'assistant tool_use',
        'user tool_result',
        'assistant text',
        'turn_end',
      ],
    ],
    ['queued', ['person: hold', 'assistant text', 'turn_end', 'person: stream 2 tokens', 'assistant text', 'turn_end']],
    ['own-command', ['person: /greet the others', 'assistant text', 'turn_end']],
  ])('%s: from its prompt to its end', (name, lines) => {
    expect(outline(name)).toEqual(lines);
  });

  test('text typed during a turn is an aside', () => {
    expect(outline('said-into-turn').slice(-4)).toEqual([
      'user tool_result',
      'aside: stream 2 tokens',
      'assistant text',
      'turn_end',
    ]);
  });

  test('every answer has the id of its request, for which the program reports a cost', () => {
    const ids = told('two-turns').flatMap((line) => (line.is === 'frame' ? (line.requestId ?? []) : []));
    expect(ids).toEqual([expect.stringMatching(/^req_/), expect.stringMatching(/^req_/)]);
    expect(new Set(ids).size).toBe(2);
  });

  test.each(['interrupt-streaming', 'interrupt-tool', 'tool-denied'])('%s: its end is an interrupt', (name) => {
    expect(outline(name).at(-1)).toBe('interrupted');
  });

  test.each([
    ['fail-400', 400],
    ['fail-529', 529],
  ])('%s: its end is the failure of the model, with the status', (name, status) => {
    expect(told(name).filter((line) => line.is === 'api_error')).toEqual([
      { is: 'api_error', frame: expect.objectContaining({ type: 'assistant' }) as unknown, status },
    ]);
    expect(outline(name).at(-1)).toBe('api_error');
  });

  test('a failure that the program recovered from is no failure', () => {
    expect(outline('retry-529')).toEqual(['person: fail 529 twice', 'assistant text', 'turn_end']);
  });
});

describe('PTY-4: a person’s text', () => {
  test('is reported as it was typed, without the guard character or paste tags', () => {
    expect(outline('guarded')[0]).toBe('person: /cost');
    expect(outline('pasted')[0]).toMatch(/^person: a long line of words\n[^<]*the end$/);
  });

  test('is a prompt even if it looks like a line of the program', () => {
    expect(outline('tags-in-prompt').filter((line) => !line.startsWith('assistant'))).toEqual([
      'person: <command-name>/clear</command-name> is what?',
      'turn_end',
      'person: [Request interrupted by user] is what?',
      'turn_end',
    ]);
  });

  test.each([
    ['shell-command', ['aside: ! echo from the shell'], 'from the shell'],
    ['shell-failed', ['aside: ! ls missing'], "ls: cannot access 'missing': No such file or directory"],
    ['command', ['aside: /context'], 'Context usage'],
    ['compaction', ['aside: /compact'], 'Compacted (ctrl+o to see full summary)'],
  ])('%s: a command is an aside, and its output is reported', (name, asides, printed) => {
    expect(outline(name).filter((line) => line.startsWith('aside'))).toEqual(asides);
    const outputs = told(name).flatMap((line) => {
      const frame = line.is === 'frame' ? (line.frame as { subtype?: string; content?: string }) : {};
      return frame.subtype === 'local_command_output' ? [frame.content ?? ''] : [];
    });
    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toContain(printed);
    // eslint-disable-next-line no-control-regex
    expect(outputs[0]).not.toMatch(/\x1b|<\/?(bash|local)-/);
  });

  test('a failed command’s output is reported too', () => {
    const entry = {
      type: 'user',
      uuid: 'u',
      message: { content: '<local-command-stderr>Error: no</local-command-stderr>' },
    };
    expect(readLine(entry)).toMatchObject({
      is: 'frame',
      frame: { subtype: 'local_command_output', content: 'Error: no' },
    });
  });

  test('an unknown command is reported in the program’s words', () => {
    expect(
      told('unknown-command').find((line) => line.is === 'frame' && JSON.stringify(line).includes('Unknown')),
    ).toEqual({
      is: 'frame',
      frame: {
        type: 'system',
        subtype: 'informational',
        content: 'Unknown command: /no-such-command',
        level: 'warning',
      },
    });
  });
});

describe('work in the background', () => {
  test('starts with the result of its call, and its end starts a turn', () => {
    expect(outline('background-task')).toEqual([
      'person: start a background task: touch made; env sleep 1',

      'assistant text',
      'assistant tool_use',
      expect.stringMatching(/^background: local_bash task-1 of toolu_demo_\d+$/),
      'assistant text',
      'turn_end',
      'task_end: task-1',
      'background_task: task-1',
      'assistant text',
      'turn_end',
    ]);
  });

  test('of a sub-agent is recognized by its id', () => {
    expect(outline('sub-agent').filter((line) => line.includes('task-1'))).toEqual([
      expect.stringMatching(/^background: local_agent task-1 of toolu_demo_\d+$/),
      'task_end: task-1',
      'background_task: task-1',
    ]);
  });

  test('that ends in the middle of a turn starts no other turn', () => {
    const lines = outline('task-ends-in-turn');
    expect(lines.filter((line) => line.startsWith('task'))).toEqual(['task_end: task-1']);
    expect(lines.slice(lines.indexOf('task_end: task-1'))).toEqual([
      'task_end: task-1',
      'user tool_result',
      // It is added to the running turn, as an attachment.
      'background_task: Background command "Count slowly to three" completed (exit code 0)',
      'assistant text',
      'turn_end',
    ]);
  });
});

test('PTY-3: a sub-agent’s lines are frames of the call that started it, and nothing else', () => {
  const lines = told('sub-agent.agent', 'call-1');
  expect(outline('sub-agent.agent', 'call-1')).toEqual([
    'assistant text',
    'assistant tool_use',
    'user tool_result',
    'assistant text',
  ]);
  for (const line of lines) {
    expect(line).toMatchObject({ is: 'frame', frame: { parent_tool_use_id: 'call-1' } });
    expect((line as { requestId?: string }).requestId).toBeUndefined();
  }
});

test('PTY-7: a cleared session ends with its cost, and the next one starts with the command', () => {
  expect(told('clear').at(-1)).toMatchObject({ is: 'totals' });
  expect(outline('clear.2')).toEqual(['aside: /clear', 'person: what did I say', 'assistant text', 'turn_end']);
});

test('TURN-4: the totals are those of the program', () => {
  const last = told('text').findLast((line) => line.is === 'totals');
  const [[model, cost] = []] = Object.entries(last?.totals.models ?? {});
  expect(model).toMatch(/^claude-/);
  expect(cost?.outputTokens).toBe(3);
  expect(cost?.costUsd).toBeGreaterThan(0);
  expect(last?.totals.costUsd).toBe(cost?.costUsd);
});

test('a compaction is reported with its sizes', () => {
  expect(told('compaction')).toContainEqual({
    is: 'frame',
    frame: {
      type: 'system',
      subtype: 'compact_boundary',
      compact_metadata: expect.objectContaining({
        trigger: 'manual',
        pre_tokens: expect.any(Number) as unknown,
      }) as unknown,
    },
  });
});

// The program writes none at present; older transcripts hold them.
test('a failed attempt is reported as a retry', () => {
  const entry = {
    type: 'system',
    subtype: 'api_error',
    retryAttempt: 2,
    maxRetries: 10,
    retryInMs: 500,
    error: { status: 529 },
  };
  expect(readLine(entry)).toMatchObject({
    frame: { subtype: 'api_retry', attempt: 2, max_retries: 10, retry_delay_ms: 500, error_status: 529 },
  });
});

test('AGENT-20: a model that answers instead of another is reported as the SDK reports it', () => {
  const entry = {
    type: 'system',
    subtype: 'model_fallback',
    content: 'Switched.',
    originalModel: 'a',
    fallbackModel: 'b',
  };
  expect(readLine(entry)).toMatchObject({
    frame: { subtype: 'model_fallback', content: 'Switched.', original_model: 'a', fallback_model: 'b' },
  });
});

test.each(transcriptNames)('AGENT-8: %s has no frame that the mapper does not know', (name) => {
  let state = createMappingState({ backend: 'claude_pty' });
  for (const line of told(name, name.endsWith('.agent') ? 'call-1' : undefined)) {
    if (!('frame' in line)) continue;
    const mapped = mapSdkMessage(line.frame, state);
    expect(mapped.unmapped).toBeUndefined();
    ({ state } = mapped);
  }
});

test.each([
  { type: 'user' },
  { type: 'user', message: null },
  { type: 'user', message: { content: [null, 1, {}] } },
  { type: 'user', message: { content: [{ type: 'tool_result' }] }, toolUseResult: { backgroundTaskId: 'b' } },
  { type: 'assistant', isApiErrorMessage: true },
  { type: 'system', subtype: 'local_command', content: 7 },
  { type: 'queue-operation', operation: 'enqueue', content: ['<task-notification>'] },
  { type: 'attachment', attachment: { type: 'queued_command', prompt: 5 } },
  { type: 'cost-state', modelUsage: [] },
  { type: 'never-heard-of' },
] as SessionStoreEntry[])('no line makes it throw: %j', (entry) => {
  expect(() => readLine(entry)).not.toThrow();
  expect(() => readLine(entry, 'call-1')).not.toThrow();
});

describe('TURN-18: hooks', () => {
  const line = (fields: object): TranscriptLine => readLine({ type: 'attachment', ...fields } as SessionStoreEntry);
  const stop = (hookEvent: string): object => ({
    attachment: { type: 'hook_stopped_continuation', hookEvent, message: 'policy' },
  });

  test('one that stops a turn is reported, but none that ends it after the answer', () => {
    expect(line(stop('PostToolUse'))).toEqual({ is: 'hook_stop', reason: 'policy' });
    expect(line(stop('PreToolUse'))).toEqual({ is: 'hook_stop', reason: 'policy' });
    expect(line(stop('Stop'))).toEqual({ is: 'nothing' });
    expect(readLine({ type: 'attachment', ...stop('PreToolUse') } as SessionStoreEntry, 'toolu_1').is).toBe('nothing');
  });

  test('one that refuses a prompt is reported', () => {
    const ending = { kind: 'blocked_by_hook', reason: 'policy' };
    const fields = { subtype: 'informational', preventContinuation: true, promptSubmitEnding: { ending } };
    expect(line({ type: 'system', ...fields })).toMatchObject({
      frame: { prevent_continuation: true, prompt_submit_outcome: ending },
    });
  });

  test('one that fails is reported, and one that makes the agent continue', () => {
    const attachment = {
      type: 'hook_non_blocking_error',
      hookName: 'Stop',
      hookEvent: 'Stop',
      stderr: 'x',
      exitCode: 1,
    };
    expect(line({ attachment })).toMatchObject({ frame: { subtype: 'hook_response', outcome: 'error', stderr: 'x' } });
    const message = { role: 'user', content: 'Stop hook feedback:\nOnce more.' };
    expect(line({ type: 'user', message, isMeta: true, rowSource: 'hook' })).toMatchObject({
      is: 'frame',
      frame: { type: 'user', message },
    });
  });
});
