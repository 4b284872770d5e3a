import type { AgentBody } from '../protocol/event.ts';
import type { LeftBehind } from './agent-process.ts';

/** Tells what was ended together with a session, and how to have such a thing go on; nothing where nothing was left. */
export function endedProcesses({ ended, alive }: LeftBehind): AgentBody[] {
  const notices: AgentBody[] = [];
  if (ended.length > 0) {
    const ways =
      'What is to go on while the chat rests, have the agent start as a background task: it keeps the chat awake.';
    const message = `Ended together with the agent, which had left it running: ${ended.join(', ')}. ${ways}`;
    notices.push({ type: 'notice', level: 'info', code: 'processes_ended', message, data: { names: ended } });
  }
  if (alive.length > 0) {
    const message = `The agent has left behind what could not be ended: ${alive.join(', ')}. It may run as another user.`;
    notices.push({ type: 'notice', level: 'warning', code: 'processes_left', message, data: { names: alive } });
  }
  return notices;
}
