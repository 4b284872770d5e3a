import type { Query } from '@anthropic-ai/claude-agent-sdk';
import { BooError, toBooError } from '../../protocol/error.ts';

/** The SDK has the method, and leaves it out of its types. */
interface AsideQuery {
  askSideQuestion?(
    this: AsideQuery,
    question: string,
    options: { signal: AbortSignal },
  ): Promise<{ response: string; synthetic: boolean } | null>;
}

/** Has the program answer a question as its own `/btw` does: one request with the conversation's prefix, kept nowhere. */
export async function answerAside(query: Query, question: string, signal: AbortSignal): Promise<string> {
  const asked = query as Query & AsideQuery;
  if (!asked.askSideQuestion)
    throw new BooError('aside_unavailable', 'This version of the agent answers no side questions.');
  const answer = await asked.askSideQuestion(question, { signal }).catch((error: unknown) => {
    throw new BooError('model_error', `The question was not answered: ${toBooError(error).message}`, { cause: error });
  });
  if (answer === null) throw new BooError('model_error', 'The model has answered nothing.');
  // Not the model's words, but why there are none.
  if (answer.synthetic) throw new BooError('model_error', answer.response);
  return answer.response;
}
