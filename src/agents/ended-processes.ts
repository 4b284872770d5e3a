import type { AgentBody } from '../protocol/event.ts';
import type { LeftBehind } from './agent-process.ts';

/**
 * Notices about what was ended together with a session, and how to keep such a process running; none if nothing was
 * left.
 */
export function endedProcesses({ ended, alive }: LeftBehind): AgentBody[] {
  const notices: AgentBody[] = [];
  if (ended.length > 0) {
    const ways = 'To keep a program running, have the agent start it as a background task, which keeps the chat warm.';
    const message = `Ended with the agent, which had left these running: ${ended.join(', ')}. ${ways}`;
    notices.push({ type: 'notice', level: 'info', code: 'processes_ended', message, data: { names: ended } });
  }
  if (alive.length > 0) {
    const message = `The agent left programs behind that could not be ended: ${alive.join(', ')}. They may run as another user.`;
    notices.push({ type: 'notice', level: 'warning', code: 'processes_left', message, data: { names: alive } });
  }
  return notices;
}
