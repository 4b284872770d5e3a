import { textOf } from './check-prompts.ts';
import type { Problem } from './problem.ts';
import type { Run, StoredEvent } from './read-run.ts';

/**
 * A model gets a prompt no more often than the log says: once for its turn, once more each time that the prompt waited
 * again, its turn was continued, or its agent reported that a request had failed and would be sent again. The start of a
 * turn is stored before its agent gets anything, so whatever died, there is no request without a turn.
 */
export function checkAsked({ asked, logs }: Run): Problem[] {
  if (!asked) return [];
  const allowed = new Map<string, number>();
  for (const events of logs.values()) countRequests(events, allowed);
  const counts = new Map<string, number>();
  for (const { text } of asked) counts.set(text, (counts.get(text) ?? 0) + 1);
  const problems: Problem[] = [];
  for (const [text, count] of counts) {
    const expected = allowed.get(text);
    // Text that is no prompt of these logs, such as the SDK's own requests.
    if (expected === undefined || count <= expected) continue;
    const words = `The model got “${text.slice(0, 80)}” ${count} times; the log accounts for ${expected}.`;
    problems.push({ kind: 'asked', text: words });
  }
  return problems;
}

/** Adds the number of requests that the log accounts for, by the prompt's text. */
function countRequests(events: readonly StoredEvent[], allowed: Map<string, number>): void {
  const texts = new Map<string, string>();
  const promptsOf = new Map<string, readonly string[]>();
  const add = (promptIds: readonly string[]): void => {
    for (const promptId of promptIds) {
      const text = texts.get(promptId);
      if (text !== undefined) allowed.set(text, (allowed.get(text) ?? 0) + 1);
    }
  };
  for (const event of events) {
    const { type, turnId = '', continuesTurnId = '', promptId = '' } = event;
    if (type === 'prompt_accepted') {
      const text = textOf(event);
      texts.set(promptId, text);
      allowed.set(text, allowed.get(text) ?? 0);
    } else if (type === 'turn_started') {
      const promptIds = [...(event.promptIds ?? []), ...(promptsOf.get(continuesTurnId) ?? [])];
      promptsOf.set(turnId, promptIds);
      add(promptIds);
    } else if (type === 'notice' && event.code === 'api_retry') add(promptsOf.get(turnId) ?? []);
  }
}
