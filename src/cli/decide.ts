import type { Command } from 'commander';
import { Argument } from 'commander';
import { type AnswerDecision, BooError, type Decision, formOf, questionsOf } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { askFields } from './ask-form.ts';
import { rowsText } from './card-rows.ts';
import { answeredText, decisionRows, questionRows, titleText } from './decision-text.ts';
import { allPages, findDecision } from './find-chat.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

interface DecideFlags extends GlobalFlags {
  message?: string;
  input?: string;
}

const outcomes = { allow: 'allow', always: 'allow_always', deny: 'deny' } as const;
type OutcomeWord = keyof typeof outcomes;

export function addDecide(program: Command, cli: Cli): void {
  program
    .command('decide')
    .description('List pending decisions, show one, or answer it')
    .argument('[id]', 'the id of the decision or the start of it; without it the pending ones are listed')
    .addArgument(
      new Argument('[outcome]', 'the answer; without it the decision is shown').choices(Object.keys(outcomes)),
    )
    .option('--message <text>', 'with deny: what the agent is told')
    .option(
      '--input <json>',
      "with allow: the whole input to run instead, or a question's input with its answers, or a form's values",
    )
    .action(async (id: string | undefined, outcome: OutcomeWord | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<DecideFlags>();
      if (outcome === undefined && (flags.message !== undefined || flags.input !== undefined)) {
        throw misuse('--message and --input need an answer: allow, always or deny.');
      }
      if (id === undefined) return list(cli, flags);
      if (outcome === undefined) return showOne(cli, id, flags);
      return answer(cli, id, outcome, flags);
    });
}

async function list(cli: Cli, flags: DecideFlags): Promise<void> {
  const client = await connect(cli, flags);
  const decisions: Decision[] = [];
  const pages = allPages((after) => client.listDecisions({ status: 'pending', after, limit: 200 }));
  for await (const decision of pages) decisions.push(decision);
  if (flags.json) return printJson(cli, decisions);
  if (decisions.length === 0) return cli.terminal.err('No decisions are pending.\n');
  const short = shortIds(decisions.map((decision) => decision.id));
  const head = ['ID', 'KIND', 'CHAT', 'AGE', 'TITLE'].map((text): Cell => ({ text, format: 'dim' }));
  const rows = decisions.map((decision): Cell[] => [
    { text: short.get(decision.id) ?? decision.id },
    { text: decision.kind },
    { text: decision.chatId.slice(0, 8) },
    { text: ageText(decision.requestedAt, Date.now()) },
    { text: titleText(decision.title, 80) },
  ]);
  cli.terminal.out(tableText([head, ...rows], cli.terminal.outStyle));
}

async function showOne(cli: Cli, id: string, flags: DecideFlags): Promise<void> {
  const decision = await findDecision(await connect(cli, flags), id);
  if (flags.json) return printJson(cli, decision);
  const { terminal } = cli;
  const paper = { style: terminal.outStyle, columns: terminal.size.columns };
  const questions = questionsOf(decision).flatMap((question) => questionRows(question, paper));
  terminal.out(rowsText([...decisionRows(decision, paper), ...questions]));
  if (decision.status === 'resolved') terminal.out(`  ${answeredText(decision)}\n`);
}

async function answer(cli: Cli, id: string, word: OutcomeWord, flags: DecideFlags): Promise<void> {
  const input = flags.input === undefined ? undefined : readInput(flags.input);
  const client = await connect(cli, flags);
  const found = await findDecision(client, id);
  const given: AnswerDecision = { outcome: outcomes[word], input, message: flags.message };
  const form = formOf(found);
  if (word === 'allow' && input === undefined && form?.mode === 'form' && form.fields && cli.terminal.isInteractive) {
    const values = await askFields(form.fields, cli.terminal);
    if (values === undefined || values === 'end') throw misuse('The form was not filled in, and is still pending.');
    given.input = values;
  }
  try {
    const decision = await client.decide(found.id, given);
    if (flags.json) printJson(cli, decision);
    else cli.terminal.out(`${titleText(decision.title)}: ${answeredText(decision)}\n`);
  } catch (error) {
    const winner = error instanceof BooError ? (error.details['decision'] as Decision | undefined) : undefined;
    if (!winner) throw error;
    throw new BooError('decision_settled', `Someone else was faster: ${answeredText(winner)}.`, { cause: error });
  }
}

function readInput(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw misuse(`--input is not JSON: ${(error as Error).message}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw misuse('--input must be a JSON object.');
  }
  return { ...value };
}
