/**
 * Asks the person at the terminal about a chat's decisions, one after another. A decision settled elsewhere is
 * withdrawn from the screen immediately. If the input has ended nobody can answer here: the decision stays pending.
 */
import { type AnswerDecision, type BooClient, BooError, formOf, type Question, questionsOf } from '../client/client.ts';
import { askAbout, type Matter } from './ask-about.ts';
import { askForm } from './ask-form.ts';
import { type Paper, rowsText } from './card-rows.ts';
import {
  answeredText,
  type Asked,
  canBeAllowed,
  decisionRows,
  headingRows,
  howToDecide,
  questionRows,
  readChoice,
  readPermission,
  type Settled,
} from './decision-text.ts';
import { plainText } from './plain-text.ts';
import type { Terminal } from './terminal.ts';

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
  /** Prints as soon as nothing is asked. */
  print: (text: string) => void;
  /** Nothing else may be printed between the two: what precedes a question is what the question is about. */
  hold: () => void;
  release: () => void;
  /** The answer given in advance; undefined: ask the person. */
  answerTo: (asked: Asked) => AnswerDecision | undefined;
  /** The input has ended, and a decision waits. */
  onUndecided: () => void;
}

interface Entry {
  asked: Asked;
  abort: AbortController;
  /** `told`: it is on the screen, but nobody here can answer it. */
  phase: 'queued' | 'asking' | 'told';
  settled?: Settled;
}

/** Any other text may be an answer to a question. */
const denyWord = '/deny';
const readDeny = (typed: string): AnswerDecision | undefined =>
  typed.trim().toLowerCase() === denyWord ? { outcome: 'deny' } : undefined;

export function createAsker(options: AskerOptions): Asker {
  const { client, terminal, beforePrint, print, hold, release, answerTo, onUndecided } = options;
  const { outStyle, errStyle } = terminal;
  const open = new Map<string, Entry>();
  const answeredHere = new Set<string>();
  let line: Promise<void> = Promise.resolve();
  let inputEnded = false;
  let closed = false;

  const settledText = (settled: Settled): string => `${outStyle('dim', `  ${answeredText(settled)}`)}\n`;

  function tellSettled(settled: Settled): void {
    beforePrint();
    terminal.out(settledText(settled));
  }

  function tellPending(entry: Entry): void {
    terminal.err(`No answer on standard input: the decision stays pending. Answer it with\n`);
    terminal.err(`  ${howToDecide(entry.asked)}\n`);
    entry.phase = 'told';
    onUndecided();
  }

  /** Several questions are several cards: the heading precedes the first one. */
  async function askQuestions(asked: Asked, questions: Question[], signal: AbortSignal) {
    const answers: [string, string][] = [];
    for (const [index, question] of questions.entries()) {
      const numbers = question.multiSelect ? 'numbers with commas' : 'number';
      const matter: Matter<{ words: string } | AnswerDecision> = {
        rows: (paper) => [...(index === 0 ? decisionRows(asked, paper) : []), ...questionRows(question, paper)],
        question: `Answer (${numbers}, or your own text; ${denyWord} leaves it unanswered): `,
        read(typed) {
          const words = readChoice(question, typed);
          return readDeny(typed) ?? (words === undefined ? undefined : { words });
        },
        early: { key: denyWord, means: 'no answer', read: readDeny },
        again: `Please enter a number from 1 to ${question.options.length}, or your own text.`,
      };
      const answer = await askAbout(terminal, matter, signal);
      if (answer === 'end' || answer === undefined || 'outcome' in answer) return answer;
      answers.push([question.question, answer.words]);
    }
    return { outcome: 'allow' as const, input: { ...asked.input, answers: Object.fromEntries(answers) } };
  }

  function askPermission(asked: Asked, signal: AbortSignal) {
    const canAllow = canBeAllowed(asked);
    const canAllowAlways = canAllow && asked.canAllowAlways;
    const choices = [...(canAllow ? ['[y]es'] : []), ...(canAllowAlways ? ['[a]lways'] : []), '[n]o'];
    const keys = [...(canAllow ? ['y'] : []), ...(canAllowAlways ? ['a'] : [])];
    const deny = (typed: string): AnswerDecision | undefined => readPermission(typed, { canAllow: false });
    const matter: Matter<AnswerDecision> = {
      rows: (paper) => decisionRows(asked, paper),
      question: `${canAllow ? 'Allow?' : 'Send it back?'} ${choices.join(' / ')} `,
      read: (typed) => readPermission(typed, { canAllow, canAllowAlways }),
      early: { key: 'n', means: 'no', read: deny },
      again: keys.length === 0 ? 'Please answer n.' : `Please answer ${keys.join(', ')} or n.`,
    };
    return askAbout(terminal, matter, signal);
  }

  /** False if the answer did not arrive and has to be given again. */
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

  const paper = (): Paper => ({ style: outStyle, columns: terminal.size.columns });

  async function settleWithPerson(entry: Entry): Promise<void> {
    hold();
    try {
      await askUntilSettled(entry);
    } finally {
      release();
    }
  }

  async function askUntilSettled(entry: Entry): Promise<void> {
    const { signal } = entry.abort;
    const { asked } = entry;
    if (signal.aborted) return;
    const known = answerTo(asked);
    if (known) {
      beforePrint();
      const words = known.outcome === 'deny' ? 'denied by --deny' : 'allowed by --allow';
      terminal.out(rowsText(headingRows(asked, paper())));
      terminal.out(`${outStyle('dim', `  ${words}`)}\n`);
      if (await answer(asked, known)) return;
    }
    const questions = questionsOf(asked);
    for (;;) {
      beforePrint();
      if (inputEnded) {
        const rows = [...decisionRows(asked, paper()), ...questions.flatMap((each) => questionRows(each, paper()))];
        terminal.out(rowsText(rows));
        return tellPending(entry);
      }
      entry.phase = 'asking';
      const form = formOf(asked);
      const given = await (form
        ? askForm(form, (page) => decisionRows(asked, page), terminal, signal)
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
      // If it is being asked, it is withdrawn first, and then reported.
      if (entry.phase === 'asking') return;
      const heading = entry.phase === 'queued' ? rowsText(headingRows(entry.asked, paper())) : '';
      print(heading + settledText(settled));
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
