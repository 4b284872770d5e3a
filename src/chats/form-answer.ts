import type { AnswerProblem } from '../agents/agent-backend.ts';
import type { AnswerDecision } from '../protocol/decision.ts';
import type { Form } from '../protocol/form.ts';
import { checkFormValues } from '../protocol/form-values.ts';

/** What is wrong with an answer that the form's server did not ask for; undefined when nothing is. */
export function formProblem(form: Form, { outcome, input, message }: AnswerDecision): AnswerProblem | undefined {
  if (outcome === 'deny') {
    if (message === undefined) return undefined;
    return { field: 'message', message: 'the server of a form is told no more than that it was declined' };
  }
  if (form.mode === 'url') {
    if (input === undefined) return undefined;
    return { field: 'input', message: 'nothing is sent along: what the server wants is done on its own page' };
  }
  if (!form.fields) {
    return { field: 'outcome', message: 'this form has a shape that cannot be filled in; answer deny' };
  }
  if (!input) return { field: 'input', message: 'a form wants its values here, by the names of its fields' };
  const [first] = checkFormValues(form.fields, input);
  return first && { field: `input.${shortName(first.field)}`, message: first.problem };
}

function shortName(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
