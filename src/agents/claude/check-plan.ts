/**
 * A plan stands in a file. The program asks with what the file held, and where a person approves that without a change, it
 * reads the file again: what another program or agent has written there meanwhile would be approved unseen.
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
    message: 'the plan’s file holds another plan by now; deny it, and the agent asks about that one',
  };
}
