/** Answers given in advance with `--allow` and `--deny`, for unattended runs. */
import { type Command, InvalidArgumentError } from 'commander';
import type { AnswerDecision, BooClient, Chat, Decision } from '../client/client.ts';

export interface AnswerFlags {
  allow?: string[];
  deny?: true;
}

export interface AutoAnswer {
  /** Undefined: a person has to answer. */
  answerTo(asked: Pick<Decision, 'kind'> & { toolName?: string | null | undefined }): AnswerDecision | undefined;
}

export const answerFlagsHelp = `
Decisions while the command runs:
  --allow names tools exactly, as in the agent's own calls: --allow Bash,Write or --allow mcp__github__get_issue.
  Every permission request of such a tool is allowed, once, whatever it does; nothing is remembered. It does not allow
  questions, plans and forms. --deny refuses everything that --allow does not name.
  To be asked less, use a permission mode instead: boocode chat --permission-mode acceptEdits.
`;

export function addAnswerFlags(command: Command): Command {
  return command
    .option('--allow <tools>', 'allow what these tools ask for, comma separated', readTools)
    .option('--deny', 'deny everything else instead of waiting for a person');
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
  message: 'Nobody is here to answer, and this was not allowed in advance.',
};

export function createAutoAnswer({ allow = [], deny }: AnswerFlags): AutoAnswer {
  return {
    answerTo({ kind, toolName }) {
      if (kind === 'permission' && toolName && allow.includes(toolName)) return { outcome: 'allow' };
      return deny ? denial : undefined;
    },
  };
}

/** What waits in the chat already. */
export async function pendingDecisions(client: BooClient, chat: Chat): Promise<Decision[]> {
  return (await client.listDecisions({ status: 'pending', chatId: chat.id, limit: 200 })).items;
}
