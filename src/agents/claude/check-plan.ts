/**
 * A plan is stored in a file. The program asks with the file's contents, and reads the file again once a person
 * approves the plan unchanged: what another program or agent has written there meanwhile would be approved unseen.
 */
import { readFile } from 'node:fs/promises';
import type { AnswerProblem } from '../agent-backend.ts';
import { asText } from './mapping/loose-json.ts';

const lines = (text: string): string => text.replaceAll('\r\n', '\n').trim();

export async function checkPlan(input: Readonly<Record<string, unknown>>): Promise<AnswerProblem | undefined> {
  const plan = asText(input['plan']);
  const file = asText(input['planFilePath']);
  if (plan === undefined || file === undefined) return undefined;
  const now = await readFile(file, 'utf8').catch(() => undefined);
  if (now === undefined || lines(now) === lines(plan)) return undefined;
  return {
    field: 'outcome',
    message: 'the plan file has changed since; deny this plan, and the agent will ask about the new one',
  };
}
