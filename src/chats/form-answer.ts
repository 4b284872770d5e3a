import type { AnswerProblem } from '../agents/agent-backend.ts';
import type { AnswerDecision } from '../protocol/decision.ts';
import type { Form } from '../protocol/form.ts';
import { checkFormValues } from '../protocol/form-values.ts';

/** What is wrong with an answer that the form's server did not ask for; undefined when nothing is. */
export function formProblem(form: Form, { outcome, input, message }: AnswerDecision): AnswerProblem | undefined {
  if (outcome === 'deny') {
    if (message === undefined) return undefined;
    return { field: 'message', message: 'is not passed on: the server of a form only learns that it was declined' };
  }
  if (form.mode === 'url') {
    if (input === undefined) return undefined;
    return { field: 'input', message: 'must be left out: the request is completed on the server’s own page' };
  }
  if (!form.fields) {
    return { field: 'outcome', message: 'this form has a shape that cannot be filled in; answer deny' };
  }
  if (!input) return { field: 'input', message: 'must contain the form’s values, by field name' };
  const [first] = checkFormValues(form.fields, input);
  return first && { field: `input.${shortName(first.field)}`, message: first.problem };
}

function shortName(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
