import type { Conversation } from './conversation.ts';
import { failureScripts, tooLongScript } from './failure-scripts.ts';
import { planScripts } from './plan-scripts.ts';
import { call, type Step } from './reply.ts';
import type { Script } from './script.ts';
import { sideScripts } from './side-scripts.ts';
import { fallbackScripts, textScripts } from './text-scripts.ts';
import { toolScripts } from './tool-scripts.ts';

/**
 * All that the demo model can say. The first script that fits the last typed text answers. Capitals and a closing
 * full stop do not matter, except in what follows a colon.
 *
 * | typed | answer |
 * |---|---|
 * | list the files here | thinking, a sentence, Bash `env ls -la` (asks for permission), how many entries there are |
 * | run: COMMAND | Bash with exactly that command, then what it printed |
 * | start a background task[: COMMAND] | Bash in the background |
 * | write FILE: TEXT | Write |
 * | read FILE | Read |
 * | edit FILE: OLD => NEW | Read, then Edit |
 * | call TOOL: JSON [and more such lines] | that tool with exactly that input, then what it answered; all in one message |
 * | ask me | AskUserQuestion with one question |
 * | use a [background] sub-agent[: PROMPT] | Agent; the sub-agent gets PROMPT and is answered by this same table |
 * | plan the work | a list of three items, worked off (TodoWrite, or TaskCreate and TaskUpdate) |
 * | make a plan | in plan mode: writes the plan file, then ExitPlanMode |
 * | think | a thinking block, then text |
 * | stream N tokens [at R per second] | one text of exactly N deltas, as fast as possible or at that pace |
 * | hold | one delta, then nothing until `release()` or the client goes away, then the rest |
 * | what did I say | all that was typed before |
 * | who are you | that it is no real model |
 * | fail STATUS [once, twice, N times] | an API error: 400, 401, 403, 404, 413, 429, 500 or 529; then it works |
 * | exceed the context, exceed the request | that it is too long (400, 413), to every request of this session from then on |
 * | cut the stream [once] | the connection is destroyed in mid-sentence |
 * | break the stream | an `error` event in mid-sentence |
 * | malformed sse | a frame that is not JSON in mid-sentence |
 * | silence | no answer, not even a status, until the client goes away |
 * | [work until the] usage limit for N seconds | that the plan's limit is reached, until then; with `work` after a tool call |
 * | warn about the limit | headers of a subscription whose five hours are nearly used up |
 * | refuse [once] | stop reason `refusal` |
 * | max tokens [once] | stop reason `max_tokens` |
 * | an image, with any other text | how many images came |
 * | anything else | what it is, and what to try |
 */
export const scripts: readonly Script[] = [
  tooLongScript,
  ...sideScripts,
  ...failureScripts,
  ...planScripts,
  ...toolScripts,
  ...textScripts,
  ...fallbackScripts,
];

/** A tool that the program has not loaded yet is searched for first, as a real model would. */
function loadFirst(conversation: Conversation, steps: Step[]): Step[] {
  const wanted = steps.find((step) => step.type === 'tool');
  if (!wanted || !conversation.deferred.has(wanted.name)) return steps;
  return [call('ToolSearch', { query: `select:${wanted.name}`, max_results: 1 })];
}

export function chooseReply(conversation: Conversation): { name: string; steps: Step[] } {
  const script = scripts.find((candidate) => candidate.when(conversation));
  if (!script) throw new Error('No script fits, not even the last one.');
  return { name: script.name, steps: loadFirst(conversation, script.reply(conversation)) };
}
