import type { Conversation } from './conversation.ts';
import { call, say, type Step, think } from './reply.ts';

export interface Script {
  name: string;
  when(conversation: Conversation): boolean;
  reply(conversation: Conversation): Step[];
}

const scripts: readonly Script[] = [
  {
    name: 'list files',
    when: (c) => /^(please )?(list|show)\b.*\bfiles\b/i.test(c.lastTyped),
    reply(c) {
      const round = c.rounds.at(-1);
      if (!round) {
        return [
          think('The person wants to see what is in this directory. Listing it is enough.'),
          say('I will look at what is in this directory.'),
          call('Bash', { command: 'find . -maxdepth 1 -exec ls -ld {} +', description: 'List the files in this directory' }),
        ];
      }
      const entries = (round.result ?? '')
        .split('\n')
        .filter((line) => /^[-dlbcps]/.test(line) && !/ \.$/.test(line));
      return round.isError
        ? [say(`I could not list the files: ${round.result ?? ''}`)]
        : [
            say(
              `There are ${entries.length} entries here, ${entries.filter((e) => e.startsWith('d')).length} of them directories.`,
            ),
          ];
    },
  },
  {
    name: 'run',
    when: (c) => /^run: \S/.test(c.lastTyped),
    reply(c) {
      const round = c.rounds.at(-1);
      if (!round)
        return [
          say('Running it.'),
          call('Bash', { command: c.lastTyped.slice(5), description: 'Run the given command' }),
        ];
      return [say(round.isError ? `It failed: ${round.result ?? ''}` : `It printed:\n${round.result ?? ''}`)];
    },
  },
  {
    name: 'anything else',
    when: () => true,
    reply: () => [say('I am the scripted demo model of BooCode, not a real one. Try: "list the files here".')],
  },
];

export function chooseReply(conversation: Conversation): { name: string; steps: Step[] } {
  const script = scripts.find((candidate) => candidate.when(conversation));
  if (!script) throw new Error('No script fits.');
  return { name: script.name, steps: script.reply(conversation) };
}
