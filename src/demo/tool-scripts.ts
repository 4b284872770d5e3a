import { posix } from 'node:path';
import type { Conversation, ToolRound } from './conversation.ts';
import { call, say, type Step, think } from './reply.ts';
import { callThen, phrase, type Script } from './script.ts';

/**
 * Lists the files, and asks first: the program runs a bare `ls` as read-only, but requires approval for `env`, and
 * offers a rule to remember.
 */
export const listCommand = 'env ls -la';

function pathOf(conversation: Conversation, file: string): string {
  return posix.resolve(conversation.cwd ?? '/', file);
}

function report(round: ToolRound, done: string): Step[] {
  return [say(round.isError ? `That did not go through: ${excerpt(round.result ?? '', 200)}` : done)];
}

function excerpt(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)} … (${text.length - length} more characters)` : text;
}

function counted(listing: string): string {
  const lines = listing.split('\n').filter((line) => /^[-dlbcps][-rwxsStT]{9}/.test(line) && !/ \.\.?$/.test(line));
  const directories = lines.filter((line) => line.startsWith('d')).length;
  const entries = lines.length === 1 ? 'one entry' : `${lines.length} entries`;
  return `I see ${entries} here, ${directories === 1 ? 'one of them a directory' : `${directories} of them directories`}.`;
}

/** Of a file as Read shows it: every line with its number, the last one empty after a final line end. */
function numberedLines(shown: string): number {
  return shown.split('\n').filter((line) => /^\s*\d+\t./.test(line)).length;
}

/** A sub-agent's text without the frame the program puts around it. */
function handedBack(result: string): string {
  const framed = /The report follows:\n([\s\S]*?)\n(?:agentId:|$)/.exec(result)?.[1];
  return (framed ?? result).replace(/^ {2}/gm, '').trim();
}

/** The calls that were typed: one per line; none for what is not a JSON object. */
function callsIn(typed: string): { name: string; input: Record<string, unknown> }[] {
  const whole = callIn(typed);
  return whole ? [whole] : typed.split('\n').flatMap((line) => callIn(line) ?? []);
}

function callIn(typed: string): { name: string; input: Record<string, unknown> } | undefined {
  const [, name, json] = /^call (\S+): (\{.*\})$/is.exec(typed) ?? [];
  if (name === undefined || json === undefined) return undefined;
  try {
    return { name, input: JSON.parse(json) as Record<string, unknown> };
  } catch {
    return undefined;
  }
}

const question = {
  question: 'Which colour should the example have?',
  header: 'Colour',
  multiSelect: false,
  options: [
    { label: 'Green', description: 'Calm, like a forest.' },
    { label: 'Orange', description: 'Bright, like a life vest.' },
  ],
};

export const toolScripts: readonly Script[] = [
  {
    name: 'list files',
    when: (c) => phrase(c, /^(please |can you |could you )?(list|show)\b.*\bfiles\b/i) !== null,
    reply: (c) =>
      callThen(
        c,
        [
          think('The person wants to see what is in this directory. One command is enough.'),
          say('I will look at what is in this directory.'),
        ],
        { name: 'Bash', input: { command: listCommand, description: 'List the files in this directory' } },
        (round) => report(round, counted(round.result ?? '')),
      ),
  },
  {
    name: 'run',
    when: (c) => /^run: \S/.test(c.lastTyped),
    reply: (c) =>
      callThen(
        c,
        [say('I will run that.')],
        { name: 'Bash', input: { command: c.lastTyped.slice('run: '.length), description: 'Run the given command' } },
        (round) => report(round, `It printed:\n\n${excerpt(round.result ?? '', 2000)}`),
      ),
  },
  {
    name: 'background task',
    when: (c) => phrase(c, /^start a background task(: [\s\S]+)?$/i) !== null,
    reply(c) {
      const command = /: ([\s\S]+)$/.exec(c.lastTyped)?.[1] ?? 'for i in 1 2 3; do echo "step $i"; sleep 1; done';
      return callThen(
        c,
        [say('I will start that in the background.')],
        { name: 'Bash', input: { command, description: 'Count slowly to three', run_in_background: true } },
        (round) => report(round, 'It is running in the background. You can continue in the meantime.'),
      );
    },
  },
  {
    name: 'write',
    when: (c) => /^write \S+: /i.test(c.lastTyped),
    reply(c) {
      const [, file = '', text = ''] = /^write (\S+): ([\s\S]*)$/i.exec(c.lastTyped) ?? [];
      const input = { file_path: pathOf(c, file), content: `${text}\n` };
      return callThen(c, [say(`I will write ${file}.`)], { name: 'Write', input }, (round) =>
        report(round, `I have written ${file}.`),
      );
    },
  },
  {
    name: 'read',
    when: (c) => /^read \S+$/i.test(c.lastTyped),
    reply(c) {
      const file = c.lastTyped.slice('read '.length);
      return callThen(c, [], { name: 'Read', input: { file_path: pathOf(c, file) } }, (round) =>
        report(round, `${file} has ${numberedLines(round.result ?? '')} lines.`),
      );
    },
  },
  {
    // The program edits only what it has read.
    name: 'edit',
    when: (c) => /^edit \S+: .* => /i.test(c.lastTyped),
    reply(c) {
      const [, file = '', from = '', to = ''] = /^edit (\S+): (.*?) => (.*)$/is.exec(c.lastTyped) ?? [];
      const path = pathOf(c, file);
      const last = c.rounds.at(-1);
      if (!last) return [say(`I will read ${file} first.`), call('Read', { file_path: path })];
      if (last.name === 'Read' && !last.isError) {
        return [call('Edit', { file_path: path, old_string: from, new_string: to, replace_all: false })];
      }
      return report(last, `I have changed ${file}.`);
    },
  },
  {
    // Any tool, such as an MCP server's; several lines become several calls in one message.
    name: 'call',
    when: (c) => callsIn(c.lastTyped).length > 0,
    reply(c) {
      const wanted = callsIn(c.lastTyped);
      // Tools not loaded yet are searched for first, one after another.
      const missing = wanted.find(({ name }) => c.deferred.has(name));
      if (missing) return [call(missing.name, missing.input)];
      if (c.rounds.length === 0) return wanted.map(({ name, input }) => call(name, input));
      return c.rounds.flatMap((round) => report(round, `It answered: ${excerpt(round.result ?? '', 2000)}`));
    },
  },
  {
    name: 'ask me',
    when: (c) => phrase(c, /^ask me\b/i) !== null,
    reply: (c) =>
      callThen(
        c,
        [say('I have one question.')],
        { name: 'AskUserQuestion', input: { questions: [question] } },
        (round) => report(round, `Thank you. I got this answer: ${round.result ?? ''}`),
      ),
  },
  {
    // "use a sub-agent: PROMPT" gives it PROMPT, which these same scripts then answer.
    name: 'sub-agent',
    when: (c) => phrase(c, /^use a (background )?sub-?agent(: [\s\S]+)?$/i) !== null,
    reply(c) {
      const prompt = /^[^:]*: ([\s\S]+)$/.exec(c.lastTyped)?.[1] ?? 'run: ls -la';
      const background = /^use a background/i.test(c.lastTyped);
      const input = {
        description: 'Look at this directory',
        prompt,
        subagent_type: 'general-purpose',
        run_in_background: background,
      };
      return callThen(c, [say('I will give this to a sub-agent.')], { name: 'Agent', input }, (round) =>
        report(
          round,
          background
            ? 'It is working in the background.'
            : `The sub-agent said:\n\n${excerpt(handedBack(round.result ?? ''), 2000)}`,
        ),
      );
    },
  },
];
