import type { Conversation } from './conversation.ts';
import { call, say, type Step } from './reply.ts';
import { phrase, type Script } from './script.ts';

const work = [
  { content: 'Look at the code', activeForm: 'Looking at the code' },
  { content: 'Make the change', activeForm: 'Making the change' },
  { content: 'Run the tests', activeForm: 'Running the tests' },
] as const;

const statuses = ['pending', 'in_progress', 'completed'] as const;

/** The list with `done` items completed. */
function todos(done: number): { content: string; activeForm: string; status: (typeof statuses)[number] }[] {
  return work.map((item, index) => ({
    ...item,
    status: index < done ? 'completed' : index === done ? 'in_progress' : 'pending',
  }));
}

/** Which tool keeps the list depends on the model and the program's settings. */
function keepList(c: Conversation): Step[] {
  const calls = c.rounds.length;
  const failed = c.rounds.find((round) => round.isError);
  if (failed) return [say(`I could not keep the list: ${failed.result ?? ''}`)];
  if (c.available.has('TodoWrite')) {
    if (calls > work.length) return [say('The list is done.')];
    return [...(calls === 0 ? [say('I will keep a list.')] : []), call('TodoWrite', { todos: todos(calls) })];
  }
  if (!c.available.has('TaskCreate')) return [say('This program has no tool for keeping a list.')];
  const item = work[calls];
  if (item) {
    const input = { subject: item.content, description: `${item.content}.`, activeForm: item.activeForm };
    return [...(calls === 0 ? [say('I will keep a list.')] : []), call('TaskCreate', input)];
  }
  const ids = c.rounds.flatMap((round) =>
    round.name === 'TaskCreate' ? (/#(\d+)/.exec(round.result ?? '')?.[1] ?? []) : [],
  );
  const updates = ids.flatMap((taskId) => ['in_progress', 'completed'].map((status) => ({ taskId, status })));
  const update = updates[calls - work.length];
  return update ? [call('TaskUpdate', update)] : [say('The list is done.')];
}

const planText = '# Plan\n\n1. Look at the code.\n2. Make the change.\n3. Run the tests.\n';

export const planScripts: readonly Script[] = [
  { name: 'plan the work', when: (c) => phrase(c, /^plan the work$/i) !== null, reply: keepList },
  {
    // The program names the plan's file; ExitPlanMode then asks the person.
    name: 'make a plan',
    when: (c) => phrase(c, /^make a plan$/i) !== null,
    reply(c) {
      const last = c.rounds.at(-1);
      if (c.planFile === null) return [say('I can only make a plan in plan mode.')];
      if (!last) return [say('I will write a plan.'), call('Write', { file_path: c.planFile, content: planText })];
      if (last.isError) return [say(`The plan was not approved: ${last.result ?? ''}`)];
      return last.name === 'Write' ? [call('ExitPlanMode', {})] : [say('The plan is approved, so I would start now.')];
    },
  },
];
