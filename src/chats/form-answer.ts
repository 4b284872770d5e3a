import type { AnswerDecision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import type { Form } from '../protocol/form.ts';
import { checkFormValues } from '../protocol/form-values.ts';

/** Throws `invalid_request`, which names the field, for an answer that the form's server did not ask for. */
export function assertFormAnswer(form: Form, { outcome, input, message }: AnswerDecision): void {
  if (outcome === 'deny') {
    if (message !== undefined) invalid('message', 'the server of a form is told no more than that it was declined');
    return;
  }
  if (form.mode === 'url') {
    if (input !== undefined) invalid('input', 'nothing is sent along: what the server wants is done on its own page');
    return;
  }
  if (!form.fields) invalid('outcome', 'this form has a shape that cannot be filled in; answer deny');
  if (!input) invalid('input', 'a form wants its values here, by the names of its fields');
  const [first] = checkFormValues(form.fields, input);
  if (first) invalid(`input.${shortName(first.field)}`, first.problem);
}

function shortName(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}

function invalid(field: string, problem: string): never {
  throw new BooError('invalid_request', `${field}: ${problem}`, { details: { field } });
}
