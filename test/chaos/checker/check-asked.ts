import { textOf } from './check-prompts.ts';
import type { Problem } from './problem.ts';
import type { Run, StoredEvent } from './read-run.ts';

/**
 * A model gets a prompt no more often than the log has turns for it: one, and one for each time that the prompt waited
 * again or its turn was continued. The start of a turn is stored before its agent gets anything, so whatever died, there
 * is no request without a turn.
 */
export function checkAsked({ asked, logs }: Run): Problem[] {
  if (!asked) return [];
  const allowed = new Map<string, number>();
  for (const events of logs.values()) countTurns(events, allowed);
  const counts = new Map<string, number>();
  for (const { text } of asked) counts.set(text, (counts.get(text) ?? 0) + 1);
  const problems: Problem[] = [];
  for (const [text, count] of counts) {
    const turns = allowed.get(text);
    // Text that is no prompt of these logs, such as the SDK's own requests.
    if (turns === undefined || count <= turns) continue;
    const words = `The model got “${text.slice(0, 80)}” ${count} times; the log has ${turns} turns for it.`;
    problems.push({ kind: 'asked', text: words });
  }
  return problems;
}

/** Adds the number of turns that each prompt's text has had. */
function countTurns(events: readonly StoredEvent[], turns: Map<string, number>): void {
  const texts = new Map<string, string>();
  const promptsOf = new Map<string, readonly string[]>();
  for (const event of events) {
    if (event.type === 'prompt_accepted') {
      const text = textOf(event);
      texts.set(event.promptId ?? '', text);
      turns.set(text, turns.get(text) ?? 0);
    } else if (event.type === 'turn_started') {
      const { turnId = '', continuesTurnId = '' } = event;
      const promptIds = [...(event.promptIds ?? []), ...(promptsOf.get(continuesTurnId) ?? [])];
      promptsOf.set(turnId, promptIds);
      for (const promptId of promptIds) {
        const text = texts.get(promptId);
        if (text !== undefined) turns.set(text, (turns.get(text) ?? 0) + 1);
      }
    }
  }
}
