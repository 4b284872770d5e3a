import type { Problem } from './problem.ts';
import type { Run } from './read-run.ts';

/** Each decision is settled at most once, and an acknowledged answer is what settled it. */
export function checkDecisions({ clients, logs }: Run): Problem[] {
  const problems: Problem[] = [];
  const fault = (text: string): void => void problems.push({ kind: 'decision', text });
  /** By decision: how the log says that it ended. */
  const outcomes = new Map<string, string[]>();
  for (const [chatId, events] of logs) {
    for (const { seq, type, decisionId, outcome } of events) {
      if (decisionId === undefined) continue;
      const known = outcomes.get(decisionId);
      if (type === 'decision_requested') {
        if (known) fault(`Decision ${decisionId} in chat ${chatId} is requested again at ${seq}.`);
        else outcomes.set(decisionId, []);
      } else if (type === 'decision_resolved') {
        if (!known) fault(`Decision ${decisionId} in chat ${chatId} is settled at ${seq}, but nobody was asked.`);
        else if (known.length > 0) fault(`Decision ${decisionId} in chat ${chatId} is settled again at ${seq}.`);
        outcomes.set(decisionId, [...(known ?? []), outcome ?? '']);
      }
    }
  }
  for (const [client, records] of clients) {
    for (const record of records) {
      if (record.kind !== 'answered' || !logs.has(record.chatId)) continue;
      const { chatId, decisionId, outcome } = record;
      const found = outcomes.get(decisionId) ?? [];
      if (found.includes(outcome)) continue;
      const has = found.length === 0 ? 'no answer' : found.join(', ');
      fault(`${client} answered decision ${decisionId} in chat ${chatId} with ${outcome}; the log has ${has}.`);
    }
  }
  return problems;
}
