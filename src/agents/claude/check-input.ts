/** Whether an edited call is one that the program would run just as it is written. */
import { isDeepStrictEqual } from 'node:util';
import { fieldName, readWith, type SchemaProblem } from '../../lib/schema-problems.ts';
import type { AnswerProblem } from '../agent-backend.ts';
import { toolInputs } from './tool-inputs.ts';

type Input = Readonly<Record<string, unknown>>;

/** A call as it was asked about. */
export interface AskedCall {
  toolName: string;
  input: Input;
}

/**
 * Why the program would refuse, ignore or change some of an edited input; undefined where it runs as it is. What was not
 * edited is not judged: the program itself has asked about it.
 */
export function checkInput(asked: AskedCall, edited: Input): AnswerProblem | undefined {
  const problem = problemsOf(asked, edited).find(({ path: [name] }) => isEdited(asked.input, edited, name));
  return problem && { field: fieldName(['input', ...problem.path], 'input'), message: problem.message };
}

function isEdited(input: Input, edited: Input, name: PropertyKey | undefined): boolean {
  if (typeof name !== 'string') return true;
  const isThere = [input, edited].map((each) => Object.hasOwn(each, name));
  return isThere[0] !== isThere[1] || !isDeepStrictEqual(input[name], edited[name]);
}

function problemsOf({ toolName, input }: AskedCall, edited: Input): SchemaProblem[] {
  // The program takes an empty input for none at all, and runs the call that it asked about.
  if (Object.keys(edited).length === 0)
    return [{ path: [], message: 'must not be empty: leave it out to allow the call as it is' }];
  const schema = Object.hasOwn(toolInputs, toolName) ? toolInputs[toolName] : undefined;
  const read = schema ? readWith(schema, edited) : { problems: unlike(input, edited) };
  return [...('problems' in read ? read.problems : []), ...unsandboxed(edited)];
}

/** Of a tool whose schema is not known here, as one of an MCP server, another call may have other values, and no more. */
function unlike(input: Input, edited: Input): SchemaProblem[] {
  const names = [...new Set([...Object.keys(input), ...Object.keys(edited)])];
  return names.flatMap((name): SchemaProblem[] => {
    if (!Object.hasOwn(edited, name)) return [{ path: [name], message: 'is required, since the call has it' }];
    if (!Object.hasOwn(input, name)) return [{ path: [name], message: 'is not a field of this call' }];
    const kind = kindOf(input[name]);
    return kind === 'null' || kind === kindOf(edited[name])
      ? []
      : [{ path: [name], message: `must be ${kindWords[kind]}` }];
  });
}

const kindWords = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  list: 'a list',
  null: 'null',
};

function kindOf(value: unknown): keyof typeof kindWords {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  const kind = typeof value;
  return kind === 'string' || kind === 'number' || kind === 'boolean' ? kind : 'object';
}

/** To leave the sandbox is a question of its own, which the program did not ask here. */
const unsandboxed = (edited: Input): SchemaProblem[] =>
  edited['dangerouslyDisableSandbox'] === true
    ? [{ path: ['dangerouslyDisableSandbox'], message: 'cannot be switched on by an answer' }]
    : [];
