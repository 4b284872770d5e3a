import type { Problem } from './problem.ts';
import type { Run } from './read-run.ts';

/** Each log is numbered 1, 2, 3 …, in the order in which it is read, and has only events of its chat. */
export function checkLogs({ logs }: Run): Problem[] {
  const problems: Problem[] = [];
  for (const [chatId, events] of logs) {
    let expected = 1;
    for (const { seq, chatId: ownChatId } of events) {
      if (seq !== expected) {
        problems.push({ kind: 'log', text: `The log of chat ${chatId} has event ${seq} where ${expected} belongs.` });
      }
      if (ownChatId !== chatId) {
        problems.push({ kind: 'log', text: `Event ${seq} in the log of chat ${chatId} is of chat ${ownChatId}.` });
      }
      expected = seq + 1;
    }
  }
  return problems;
}
