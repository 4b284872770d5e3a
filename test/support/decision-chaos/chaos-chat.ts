/** A chat of a chaos run: what its agent asks, what an answer does, and whether that has happened as often as it should. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BooClient } from '../../../src/client/client.ts';
import type { AnswerDecision, Decision } from '../../../src/protocol/decision.ts';
import type { ChatKind, Engine } from './round-plan.ts';

export type Choice = 'allow' | 'edit' | 'deny';

export interface ChaosChat {
  readonly id: string;
  readonly kind: ChatKind;
  /** What the person typed. */
  readonly prompt: string;
  /** How many calls are asked about. */
  readonly calls: number;
  /** Null if nothing outside the log shows that a call ran; else how often it ran as asked, and as edited. */
  ran(input: Record<string, unknown>): { asAsked: number; asEdited: number } | null;
  /** A text that only a call that ran as it was answered has in its result. */
  resultText: string;
}

const bash = (file: string): string =>
  `call Bash: ${JSON.stringify({ command: `echo asked >> ${file}`, description: 'd' })}`;
const colours = (question: string): string =>
  `call AskUserQuestion: ${JSON.stringify({
    questions: [
      {
        question,
        header: 'Colour',
        multiSelect: false,
        options: [
          { label: 'Green', description: 'Calm.' },
          { label: 'Orange', description: 'Bright.' },
        ],
      },
    ],
  })}`;

/** Creates the chat and sends its prompt. */
export async function openChaosChat(
  client: BooClient,
  kind: ChatKind,
  backend: Engine,
  folder: string,
): Promise<ChaosChat> {
  const cwd = join(folder, 'work');
  await mkdir(cwd, { recursive: true });
  const files = [1, 2, 3, 4, 5].map((n) => join(cwd, `ran-${n}`));
  const secrets = [1, 2].map((n) => join(folder, `secret-${n}`));
  for (const file of secrets) await writeFile(file, 'a secret\n');
  const prompts: Record<ChatKind, string[]> = {
    command: [bash(files[0]!)],
    file: ['write notes: asked'],
    question: ['ask me'],
    plan: ['make a plan'],
    'two commands': files.slice(0, 2).map(bash),
    'five commands': files.map(bash),
    'two files to read': secrets.map((file) => `call Read: ${JSON.stringify({ file_path: file })}`),
    'two questions': [colours('Which colour has the first?'), colours('Which colour has the second?')],
  };
  const permissionMode = kind === 'plan' ? 'plan' : 'default';
  const { id } = await client.createChat({ cwd, backend, permissionMode });
  const prompt = prompts[kind].join('\n');
  await client.prompt(id, { content: prompt });
  return {
    id,
    kind,
    prompt,
    calls: prompts[kind].length,
    resultText:
      { question: 'Orange', 'two questions': 'Orange', 'two files to read': 'a secret' }[kind as string] ?? '',
    ran(input) {
      const file =
        /\S+ran-\d/.exec(String(input['command']))?.[0] ?? (kind === 'file' ? String(input['file_path']) : null);
      if (file === null) return null;
      const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
      const count = (word: string): number => lines.filter((line) => line === word).length;
      return { asAsked: count('asked'), asEdited: count('edited') };
    },
  };
}

export function answerTo(
  decision: Pick<Decision, 'kind' | 'input' | 'toolName'>,
  choice: Choice,
  by: string,
): AnswerDecision {
  const { kind, input, toolName } = decision;
  if (choice === 'deny') return { outcome: 'deny', message: `Denied by ${by}.` };
  if (kind === 'question') {
    const { questions } = input as { questions: { question: string }[] };
    const answers = Object.fromEntries(questions.map(({ question }) => [question, 'Orange']));
    return { outcome: 'allow', input: { questions, answers } };
  }
  const field = { Bash: 'command', Write: 'content' }[toolName ?? ''];
  if (choice === 'allow' || field === undefined) return { outcome: 'allow' };
  return { outcome: 'allow', input: { ...input, [field]: String(input[field]).replace('asked', 'edited') } };
}
