/** What must hold for a chat after any number of ends of its host and agent. */
import { readConversation } from '../../../src/demo/conversation.ts';
import type { RecordedRequest } from '../../../src/demo/demo-model.ts';
import { parseRequest } from '../../../src/demo/request.ts';
import { sideScripts } from '../../../src/demo/side-scripts.ts';
import type { AnswerDecision } from '../../../src/protocol/decision.ts';
import type { Event, EventOf } from '../../../src/protocol/event.ts';
import { eventsOf } from '../turns.ts';
import type { ChaosChat } from './chaos-chat.ts';

/** One try of one client to answer. */
export interface Attempt {
  decisionId: string;
  client: string;
  answer: AnswerDecision;
  /** `unknown` if the server was gone before it responded, or refused for another reason. */
  result: 'settled' | 'conflict' | 'unknown';
  detail?: string;
}

export type Effect =
  'took effect' | 'denied' | 'unknown, says the log' | 'without effect, says the log' | 'interrupted, says the log';

export interface Verdict {
  violations: string[];
  /** By decision. */
  effects: Map<string, Effect>;
}

/** Judges a chat that should be at rest. */
export function checkChat(
  chat: ChaosChat,
  log: readonly Event[],
  attempts: readonly Attempt[],
  requests: readonly RecordedRequest[],
): Verdict {
  const violations: string[] = [];
  const effects: Verdict['effects'] = new Map();
  if (log.some(({ seq }, index) => seq !== index + 1)) violations.push('The log is not dense.');

  const started = eventsOf(log, 'turn_started').map(({ turnId }) => turnId);
  const finished = eventsOf(log, 'turn_finished').map(({ turnId }) => turnId);
  if (started.join() !== finished.join()) violations.push('Not every turn finished exactly once.');
  const prompts = eventsOf(log, 'prompt_accepted').map(({ promptId }) => promptId);
  // A prompt whose host ended before the agent took it waits again.
  const givenBack = eventsOf(log, 'turn_finished').flatMap((end) => (end.requeuedPromptIds ? [end.turnId] : []));
  const kept = eventsOf(log, 'turn_started').filter(({ turnId }) => !givenBack.includes(turnId));
  const taken = kept.flatMap(({ promptIds }) => promptIds);
  if (prompts.join() !== taken.join()) violations.push('Not every prompt had one turn, in order.');

  const asked = eventsOf(log, 'decision_requested');
  if (asked.length > chat.calls) violations.push(`${asked.length} decisions were asked, not ${chat.calls}.`);
  const askedIds = new Set(asked.map(({ toolCallId }) => toolCallId));
  for (const { toolCallId, title, rawInput } of eventsOf(log, 'tool_call')) {
    const ran = askedIds.has(toolCallId) ? null : chat.ran((rawInput ?? {}) as Record<string, unknown>);
    if (ran && ran.asAsked + ran.asEdited > 0) violations.push(`${title}: It ran, although nobody was asked.`);
  }
  if (askedIds.size !== asked.length) violations.push('A call was asked about twice.');
  for (const decision of asked) {
    const fault = (text: string): void => void violations.push(`${decision.title} (${decision.decisionId}): ${text}`);
    const resolved = eventsOf(log, 'decision_resolved').filter(({ decisionId }) => decisionId === decision.decisionId);
    checkAnswers(
      attempts.filter(({ decisionId }) => decisionId === decision.decisionId),
      resolved,
      fault,
    );
    if (resolved[0]) effects.set(decision.decisionId, checkEffect(chat, decision, resolved[0], log, fault));
  }
  violations.push(...checkRequests(log, requests));
  return { violations, effects };
}

function checkAnswers(
  attempts: readonly Attempt[],
  resolved: EventOf<'decision_resolved'>[],
  fault: (text: string) => void,
): void {
  const settled = attempts.filter(({ result }) => result === 'settled');
  if (settled.length > 1) fault('Two clients were told that they settled it.');
  if (resolved.length !== 1) return fault(resolved.length === 0 ? 'It was not settled.' : 'It was settled twice.');
  const [{ outcome, message, by }] = resolved as [EventOf<'decision_resolved'>];
  if (outcome === 'cancelled') return fault(`It was cancelled by ${by}, although a person would have answered.`);
  if (settled.length === 0 && attempts.every(({ result }) => result === 'conflict')) fault('Nobody settled it.');
  const winner = settled[0]?.answer;
  if (winner && (winner.outcome !== outcome || winner.message !== message))
    fault('Another answer counted than the acknowledged one.');
}

function checkEffect(
  chat: ChaosChat,
  asked: EventOf<'decision_requested'>,
  resolved: EventOf<'decision_resolved'>,
  log: readonly Event[],
  fault: (text: string) => void,
): Effect {
  const notices = eventsOf(log, 'notice').filter(({ data }) => data?.['decisionId'] === asked.decisionId);
  const isUnknown = notices.some(({ code }) => code === 'decision_without_result');
  const isGivenUp = notices.some(({ code }) => code === 'decision_without_effect');
  const results = eventsOf(log, 'tool_call_update').filter(({ toolCallId }) => toolCallId === asked.toolCallId);
  if (results.length > 1) fault('Its call has two results.');
  const [result] = results;
  const ran = chat.ran(asked.input);
  const count = ran ? ran.asAsked + ran.asEdited : 0;
  if (count > 1) fault(`It ran ${count} times.`);
  if (resolved.outcome === 'deny') {
    if (count > 0 || result?.status === 'completed') fault('It was denied, and ran.');
    if (result && !JSON.stringify(result).includes(resolved.message ?? '')) fault('The agent got another denial.');
    return 'denied';
  }
  const isEdited = JSON.stringify(resolved.input ?? {}).includes('edited');
  if (ran && count > 0 && (isEdited ? ran.asAsked : ran.asEdited) > 0) fault('It did not run as it was approved.');
  if (isGivenUp) {
    if (count > 0) fault('It ran, although the log says that the answer has no effect.');
    return 'without effect, says the log';
  }
  if (isUnknown) return 'unknown, says the log';
  // A stop in order interrupts what runs.
  const ends = eventsOf(log, 'turn_finished').filter(({ turnId }) => turnId === result?.turnId);
  if (result?.status === 'failed' && ends[0]?.outcome === 'interrupted') return 'interrupted, says the log';
  if (ran && count !== 1) fault('It was allowed, did not run, and nothing says so.');
  if (result?.status !== 'completed')
    fault(`It was allowed, and has ${result ? 'a failed' : 'no'} result, and nothing says so.`);
  else if (!JSON.stringify(result).includes(chat.resultText)) fault('Its result is not that of the answer.');
  return 'took effect';
}

const asides = new Set(sideScripts.map(({ name }) => name));

/** The model is asked once for each state of the conversation. */
function checkRequests(log: readonly Event[], requests: readonly RecordedRequest[]): string[] {
  const sessions = new Set(eventsOf(log, 'session_started').map(({ sessionId }) => sessionId));
  const counts = new Map<string, number>();
  for (const { headers, body, script } of requests) {
    if (!sessions.has(headers['x-claude-code-session-id'] ?? '') || script === null || asides.has(script)) continue;
    const parsed = parseRequest(body);
    if (!parsed.ok) continue;
    // A program without its host answers its own question with an error, and asks on; that is dropped.
    const { typed, rounds } = readConversation(parsed.request);
    // A denial whose result was not stored is given again, and the model asked again.
    if (rounds.at(-1)?.result?.includes('Denied by')) continue;
    // The prompt that waits behind is not asked about.
    if (typed.length !== 1) continue;
    if (rounds.some(({ isError, result }) => isError && !/Denied by|it is not known/.test(result ?? ''))) continue;
    const results = parsed.request.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
    const state = JSON.stringify(results.flatMap((block) => block['tool_use_id'] ?? []));
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(([state, count]) => `The model was asked ${count} times for ${state}.`);
}
