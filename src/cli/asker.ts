/**
 * Puts a chat's decisions to the person at the terminal, one after another. A decision that is settled elsewhere is
 * withdrawn from the screen at once. Where the input has ended nobody can answer here: the decision stays pending.
 */
import {
  type AnswerDecision,
  type BooClient,
  BooError,
  type Decision,
  formOf,
  type Question,
  questionsOf,
} from '../protocol/client.ts';
import {
  answeredText,
  type Asked,
  decisionHeading,
  decisionText,
  questionText,
  readChoice,
  readPermission,
} from './decision-text.ts';
import { askForm } from './ask-form.ts';
import { plainText } from './plain-text.ts';
import type { Terminal } from './terminal.ts';

type Settled = Pick<Decision, 'outcome' | 'by'>;

export interface Asker {
  add(asked: Asked): void;
  /** A decision was settled; by another client, unless it was answered here. */
  settle(decisionId: string, settled: Settled): void;
  /** Resolves when nothing is being asked. */
  idle(): Promise<void>;
  /** Withdraws everything. */
  close(): void;
}

export interface AskerOptions {
  client: BooClient;
  terminal: Terminal;
  /** Called before anything is printed. */
  beforePrint: () => void;
}

interface Entry {
  asked: Asked;
  abort: AbortController;
  /** `told`: it is on the screen, but nobody here can answer it. */
  phase: 'queued' | 'asking' | 'told';
  settled?: Settled;
}

/** What `boocode decide` wants besides an id. */
const decideWords: Partial<Record<Asked['kind'], string>> = {
  question: `allow --input '{"questions": …, "answers": …}'`,
  form: `allow --input '{"FIELD": …}' (or deny)`,
};

export function createAsker({ client, terminal, beforePrint }: AskerOptions): Asker {
  const { outStyle, errStyle } = terminal;
  const open = new Map<string, Entry>();
  const answeredHere = new Set<string>();
  let line: Promise<void> = Promise.resolve();
  let inputEnded = false;
  let closed = false;

  function tellSettled(settled: Settled): void {
    beforePrint();
    terminal.out(`${outStyle('dim', `  ${answeredText(settled)}`)}\n`);
  }

  function tellPending(entry: Entry): void {
    const { id, kind } = entry.asked;
    const how = decideWords[kind] ?? 'allow (or deny)';
    terminal.err(`No answer on standard input: the decision stays pending. Answer it with\n`);
    terminal.err(`  boocode decide ${id} ${how}\n`);
    entry.phase = 'told';
  }

  async function askQuestion(question: Question, signal: AbortSignal): Promise<{ choice: string } | 'end' | undefined> {
    terminal.out(questionText(question, outStyle));
    const numbers = question.multiSelect ? 'numbers with commas' : 'number';
    for (;;) {
      const reply = await terminal.ask(`Answer (${numbers}, or your own words): `, signal);
      if (reply.kind !== 'line') return reply.kind === 'end' ? 'end' : undefined;
      const choice = readChoice(question, reply.text);
      if (choice !== undefined) return { choice };
      terminal.err(`Please give a number from 1 to ${question.options.length}, or your own words.\n`);
    }
  }

  async function askQuestions(asked: Asked, questions: Question[], signal: AbortSignal) {
    const answers: [string, string][] = [];
    for (const question of questions) {
      const answer = await askQuestion(question, signal);
      if (answer === 'end' || answer === undefined) return answer;
      answers.push([question.question, answer.choice]);
    }
    return { outcome: 'allow' as const, input: { ...asked.input, answers: Object.fromEntries(answers) } };
  }

  async function askPermission(asked: Asked, signal: AbortSignal) {
    const always = asked.canAllowAlways ? ' / [a]lways' : '';
    for (;;) {
      const reply = await terminal.ask(`Allow? [y]es${always} / [n]o `, signal);
      if (reply.kind !== 'line') return reply.kind === 'end' ? ('end' as const) : undefined;
      const answer = readPermission(reply.text, asked.canAllowAlways);
      if (answer) return answer;
      terminal.err(`Please answer y${asked.canAllowAlways ? ', a' : ''} or n.\n`);
    }
  }

  /** False when the answer did not arrive, so that it has to be given again. */
  async function answer(asked: Asked, given: AnswerDecision): Promise<boolean> {
    answeredHere.add(asked.id);
    try {
      await client.decide(asked.id, given);
      return true;
    } catch (error) {
      if (!(error instanceof BooError)) throw error;
      answeredHere.delete(asked.id);
      const winner = error.code === 'decision_settled' ? (error.details['decision'] as Settled | undefined) : undefined;
      if (winner) tellSettled(winner);
      else terminal.err(`${errStyle('red', `! ${plainText(error.message)}`)}\n`);
      return error.code === 'decision_settled' || error.code === 'not_found';
    }
  }

  async function settleWithPerson(entry: Entry): Promise<void> {
    const { signal } = entry.abort;
    const { asked } = entry;
    if (signal.aborted) return;
    for (;;) {
      beforePrint();
      terminal.out(decisionText(asked, outStyle));
      if (inputEnded) return tellPending(entry);
      entry.phase = 'asking';
      const questions = questionsOf(asked);
      const form = formOf(asked);
      const given = await (form
        ? askForm(form, terminal, signal)
        : questions.length > 0
          ? askQuestions(asked, questions, signal)
          : askPermission(asked, signal));
      if (entry.settled) tellSettled(entry.settled);
      if (given === undefined || entry.settled) return;
      if (given === 'end') {
        inputEnded = true;
        return tellPending(entry);
      }
      if (await answer(asked, given)) return;
    }
  }

  return {
    add(asked) {
      if (closed || open.has(asked.id)) return;
      const entry: Entry = { asked, abort: new AbortController(), phase: 'queued' };
      open.set(asked.id, entry);
      line = line
        .then(() => settleWithPerson(entry))
        .catch((error: unknown) => terminal.err(`! ${plainText(String(error))}\n`));
    },
    settle(decisionId, settled) {
      const entry = open.get(decisionId);
      open.delete(decisionId);
      if (!entry || answeredHere.has(decisionId)) return;
      entry.settled = settled;
      entry.abort.abort();
      // One that is being asked is withdrawn first, and tells it then.
      if (entry.phase === 'asking') return;
      beforePrint();
      if (entry.phase === 'queued') terminal.out(decisionHeading(entry.asked, outStyle));
      tellSettled(settled);
    },
    async idle() {
      let seen: Promise<void>;
      do {
        seen = line;
        await seen;
      } while (seen !== line);
    },
    close() {
      closed = true;
      for (const entry of open.values()) entry.abort.abort();
      open.clear();
    },
  };
}
