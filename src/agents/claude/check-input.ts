/** Whether the program would run an edited call exactly as it is written. */
import { isDeepStrictEqual } from 'node:util';
import { fieldName, readWith, type SchemaProblem } from '../../lib/schema-problems.ts';
import type { AnswerProblem } from '../agent-backend.ts';
import { toolInputs } from './tool-inputs.ts';

type Input = Readonly<Record<string, unknown>>;

/** The call as the program asked about it. */
export interface AskedCall {
  toolName: string;
  input: Input;
}

/**
 * Why the program would refuse, ignore or change part of an edited input; undefined if it runs unchanged. Unedited
 * fields are not checked: the program itself asked about them.
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
  // The program treats an empty input as no input, and runs the call that it asked about.
  if (Object.keys(edited).length === 0)
    return [{ path: [], message: 'must not be empty: leave it out to allow the call as it is' }];
  const schema = Object.hasOwn(toolInputs, toolName) ? toolInputs[toolName] : undefined;
  const read = schema ? readWith(schema, edited) : { problems: unlike(input, edited) };
  return [...('problems' in read ? read.problems : []), ...unsandboxed(edited)];
}

/**
 * If the tool's schema is unknown, as for an MCP server's tools, an edit may only change values, not fields or types.
 */
function unlike(input: Input, edited: Input): SchemaProblem[] {
  const names = [...new Set([...Object.keys(input), ...Object.keys(edited)])];
  return names.flatMap((name): SchemaProblem[] => {
    if (!Object.hasOwn(edited, name)) return [{ path: [name], message: 'is required, because the call has it' }];
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

/** Leaving the sandbox is a separate question, which the program did not ask here. */
const unsandboxed = (edited: Input): SchemaProblem[] =>
  edited['dangerouslyDisableSandbox'] === true
    ? [{ path: ['dangerouslyDisableSandbox'], message: 'cannot be turned on by an answer' }]
    : [];
