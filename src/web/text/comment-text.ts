/** Comments on lines of a change, as part of a prompt. */
import { fenced, languageOf } from './numbered-lines.ts';

export interface Comment {
  id: string;
  path: string;
  /** Whose lines these are: those of the file as it is, or as it was. */
  side: 'before' | 'after';
  first: number;
  last: number;
  /** These lines. */
  code: string;
  text: string;
}

/** Names that would end the line or hide something are quoted. */
const nameOf = (path: string): string => (/^[^\p{C}\p{Zl}\p{Zp}"]+$/u.test(path) ? path : JSON.stringify(path));

export function linesText({ side, first, last }: Pick<Comment, 'side' | 'first' | 'last'>): string {
  const lines = first === last ? `line ${first}` : `lines ${first} to ${last}`;
  return side === 'before' ? `${lines} of the old version` : lines;
}

export const placeText = (comment: Comment): string => `${nameOf(comment.path)}, ${linesText(comment)}`;

/** `water.js:2`, or `water.js:2-4`. */
export const shortPlace = ({ path, first, last }: Comment): string =>
  `${path.slice(path.lastIndexOf('/') + 1)}:${first}${last === first ? '' : `-${last}`}`;

export const commentsText = (comments: readonly Comment[]): string =>
  comments
    .map(
      (comment) => `${placeText(comment)}:\n${fenced(comment.code, languageOf(comment.path))}\n${comment.text.trim()}`,
    )
    .join('\n\n');
