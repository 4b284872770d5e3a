import type { AgentEvent, AgentEventOf } from '../../agent-backend.ts';
import { known } from './loose-json.ts';

type Notice = AgentEventOf<'notice'>;

/** `data` contains only fields whose values are known. */
export function notice(
  level: Notice['level'],
  code: string,
  message: string,
  data: Record<string, unknown> = {},
): AgentEvent {
  const facts = known(data);
  return { type: 'notice', level, code, message, ...(Object.keys(facts).length === 0 ? {} : { data: facts }) };
}
