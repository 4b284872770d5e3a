/** Answers that were given beforehand, with `--allow` and `--deny`, for runs that nobody watches. */
import { type Command, InvalidArgumentError } from 'commander';
import type { AnswerDecision, BooClient, Chat, Decision, Event } from '../protocol/client.ts';

export interface AnswerFlags {
  allow?: string[];
  deny?: true;
}

export interface AutoAnswer {
  /** Every event of the chat passes here: they tell which tool a call is of. */
  note(event: Event): void;
  /** Undefined: a person has to answer. */
  answerTo(asked: Pick<Decision, 'kind'> & { toolCallId?: string | null | undefined }): AnswerDecision | undefined;
}

export const answerFlagsHelp = `
Decisions while the command runs:
  --allow names tools exactly, as in the agent's own calls: --allow Bash,Write or --allow mcp__github__get_issue.
  Each permission that such a tool asks for is allowed, once, whatever it would do; nothing is remembered. Questions,
  plans and forms are not allowed by it. --deny refuses everything that --allow does not name.
  Who wants fewer questions instead takes a permission mode: boocode chat --permission-mode acceptEdits.
`;

export function addAnswerFlags(command: Command): Command {
  return command
    .option('--allow <tools>', 'allow what these tools ask for, comma separated', readTools)
    .option('--deny', 'deny whatever else is asked, instead of waiting for a person');
}

function readTools(text: string, before: string[] = []): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => !/^[\w.:-]+$/.test(name))) {
    throw new InvalidArgumentError('It must be names of tools with commas between them, for example Bash,Write.');
  }
  return [...before, ...names];
}

const denial: AnswerDecision = {
  outcome: 'deny',
  message: 'Nobody is here to be asked, and this was not allowed beforehand.',
};

export function createAutoAnswer({ allow = [], deny }: AnswerFlags): AutoAnswer {
  const toolOf = new Map<string, string>();
  return {
    note(event) {
      if (event.type === 'tool_call') toolOf.set(event.toolCallId, event.toolName);
    },
    answerTo({ kind, toolCallId }) {
      const tool = toolOf.get(toolCallId ?? '');
      if (kind === 'permission' && tool !== undefined && allow.includes(tool)) return { outcome: 'allow' };
      return deny ? denial : undefined;
    },
  };
}

/** What waits in the chat already, once it is known which tools ask. */
export async function pendingDecisions(client: BooClient, chat: Chat, answers: AutoAnswer): Promise<Decision[]> {
  const { items } = await client.listDecisions({ status: 'pending', chatId: chat.id, limit: 200 });
  if (items.length === 0) return [];
  const recent = await client.events(chat.id, { after: Math.max(0, chat.head - 1000), limit: 1000 });
  for (const event of recent.items) answers.note(event);
  return items;
}
