import type { ContentBlock } from '../../../protocol/content.ts';
import { asideIn } from '../../../protocol/aside-text.ts';
import { type Comment, commentsText } from '../../text/comment-text.ts';
import type { ImageBlock } from './read-images.ts';

export type Sent =
  | { is: 'nothing' }
  /** Asked beside the conversation. */
  | { is: 'aside'; question: string }
  /** Why it is not sent. */
  | { is: 'refused'; why: string }
  | { is: 'prompt'; content: ContentBlock[]; hasComments: boolean };

/** A slash and a name, not the path of a file. */
const isCommand = (text: string): boolean => /^\/[^\s/]+(?:\s|$)/.test(text.trim());

/**
 * What the typed text becomes. Only that decides: comments on changes go with a prompt, and wait for the next one where a
 * command would take them for its own text.
 */
export function whatIsSent(text: string, images: readonly ImageBlock[], comments: readonly Comment[]): Sent {
  const question = asideIn(text);
  if (question !== undefined) {
    if (images.length === 0) return { is: 'aside', question };
    return { is: 'refused', why: 'A side question takes no images. Remove them, or write it without /btw.' };
  }
  const hasComments = comments.length > 0 && !isCommand(text);
  const parts = [text.trim() === '' ? '' : text, hasComments ? commentsText(comments) : ''];
  const written = parts.filter((part) => part !== '').join('\n\n');
  if (written === '' && images.length === 0) return { is: 'nothing' };
  return {
    is: 'prompt',
    content: [...images, ...(written === '' ? [] : [{ type: 'text' as const, text: written }])],
    hasComments,
  };
}
