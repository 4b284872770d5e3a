import type { Conversation, ToolRound } from './conversation.ts';
import { call, type Step } from './reply.ts';

export interface Script {
  name: string;
  when(conversation: Conversation): boolean;
  reply(conversation: Conversation): Step[];
}

/** True for exactly this phrase, ignoring capitals and a final full stop. */
export function phrase(conversation: Conversation, pattern: RegExp): RegExpExecArray | null {
  return pattern.exec(conversation.lastTyped.replace(/[.!?]$/, ''));
}

/** The first reply makes the call; the one after its result reports how it went. */
export function callThen(
  conversation: Conversation,
  before: Step[],
  tool: { name: string; input: Record<string, unknown> },
  after: (round: ToolRound) => Step[],
): Step[] {
  const round = conversation.rounds.at(-1);
  return round ? after(round) : [...before, call(tool.name, tool.input)];
}
