/** The end of a turn: exactly one `turn_finished` per result, last. */
import type { SDKResultError, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ErrorCode } from '../../../protocol/error.ts';
import type { TurnError } from '../../../protocol/event.ts';
import type { AgentEvent, AgentEventOf, Obstacle } from '../../agent-backend.ts';
import { withUsageUpdate, withWindowSize } from './context-usage.ts';
import { asCount, asList, asText } from './loose-json.ts';
import { type Mapped, mapped, type MappingState, newTurn } from './mapping-state.ts';
import { endOpenCalls } from './map-tool-result.ts';
import { costSince, readTotals } from './model-costs.ts';
import { notice } from './notice.ts';
import { hookStopError, kindOfStatus, problemError, problemObstacle, tooLongError, turnError } from './turn-problem.ts';

const failures: Readonly<Record<SDKResultError['subtype'], { code: ErrorCode; message: string }>> = {
  error_during_execution: { code: 'agent_failed', message: 'The agent aborted the turn.' },
  error_max_turns: { code: 'agent_failed', message: 'The agent reached its limit of steps per turn.' },
  error_max_budget_usd: { code: 'agent_failed', message: 'The agent reached its spending limit.' },
  error_max_structured_output_retries: {
    code: 'agent_failed',
    message: 'The agent could not produce its answer in the requested format.',
  },
};

export function mapResult(frame: SDKResultMessage, state: MappingState): Mapped {
  const { outcome, error, obstacle } = outcomeOf(frame, state);
  const events: AgentEvent[] = [];
  if (outcome === 'completed') events.push(...unsaid(frame, state));
  // A deferred call may wait for an answer beyond the end of its turn.
  const calls = frame.terminal_reason === 'tool_deferred' ? mapped(state) : endOpenCalls(state);
  const usage = withUsageUpdate(withWindowSize(calls.state, frame.modelUsage));
  const { turn, baseline } = costSince(usage.state.totals, readTotals(frame.total_cost_usd, frame.modelUsage));
  events.push(...calls.events, ...usage.events, {
    type: 'turn_finished',
    outcome,
    ...(error ? { error } : undefined),
    ...(obstacle ? { obstacle } : undefined),
    ...turn,
  });
  return mapped({ ...usage.state, totals: baseline, turn: newTurn }, ...events);
}

function outcomeOf(
  frame: SDKResultMessage,
  state: MappingState,
): Pick<AgentEventOf<'turn_finished'>, 'outcome'> & Partial<Failure> {
  const succeeded = frame.subtype === 'success' && frame.is_error !== true;
  const aborted = frame.terminal_reason === 'aborted_streaming' || frame.terminal_reason === 'aborted_tools';
  if (aborted || (state.turn.interruptAsked && !succeeded)) return { outcome: 'interrupted' };
  // The program reports success. A Stop hook that ends the turn runs after the answer, and does not invalidate it.
  if (state.turn.hookStop?.isRefusal || frame.terminal_reason === 'hook_stopped') {
    return { outcome: 'failed', error: hookStopError(state.turn.hookStop) };
  }
  if (succeeded) return { outcome: 'completed' };
  return { outcome: 'failed', ...failureOf(frame, state) };
}

interface Failure {
  error: TurnError;
  obstacle?: Obstacle | undefined;
}

function failureOf(frame: SDKResultMessage, state: MappingState): Failure {
  const { turn } = state;
  const said = wordsOf(frame);
  // A model API failure arrives as a success that is an error.
  const status = frame.subtype === 'success' ? asCount(frame.api_error_status) : undefined;
  if (isTooLong(frame, status, state)) {
    return { error: tooLongError(turn.problem?.text || said), obstacle: { reason: 'context' } };
  }
  const kind = turn.problem?.kind ?? 'unknown';
  if (turn.problem || frame.subtype === 'success') {
    const known = kind === 'unknown' && status !== undefined ? kindOfStatus(status) : kind;
    const error = problemError({ kind: known, text: turn.problem?.text || said });
    return { error, obstacle: problemObstacle(known, turn.limitResetsAt) };
  }
  if (frame.terminal_reason === 'api_error' || frame.terminal_reason === 'model_error') {
    return { error: problemError({ kind: 'unknown', text: said }) };
  }
  const failure = Object.hasOwn(failures, frame.subtype) ? failures[frame.subtype] : failures.error_during_execution;
  return { error: turnError(failure.code, failure.message, said) };
}

/**
 * A prompt, or the whole conversation, is larger than the model accepts: the program has summarized what it could, and
 * every later request would be as large again. A transcript gives no reason, so there the message text decides.
 */
function isTooLong(frame: SDKResultMessage, status: number | undefined, { turn, backend }: MappingState): boolean {
  if (frame.terminal_reason === 'prompt_too_long' || status === 413) return true;
  return backend === 'claude_pty' && /^prompt is too long/i.test(turn.problem?.text ?? '');
}

function wordsOf(frame: SDKResultMessage): string {
  if (frame.subtype === 'success') return asText(frame.result) ?? '';
  return asList(frame.errors)
    .flatMap((error) => asText(error) ?? [])
    .join('\n');
}

/**
 * What a completed turn has not reported yet: an answer that arrived in no frame, and a problem that it recovered from.
 */
function unsaid(frame: SDKResultMessage, state: MappingState): AgentEvent[] {
  const events: AgentEvent[] = [];
  const text = wordsOf(frame);
  if (text !== '' && !state.turn.answered) {
    const messageId = `result/${asText(frame.uuid) ?? 'text'}`;
    events.push({ type: 'agent_message', messageId, content: [{ type: 'text', text }] });
  }
  if (state.turn.problem) {
    const { code, message } = problemError(state.turn.problem);
    events.push(notice('warning', code, message, { error: state.turn.problem.kind }));
  }
  return events;
}
