import { exactLine, type ExactPart, shownText } from '../../../protocol/exact-text.ts';

/** Of a decision, on one line. `Edit: Edit /a/file` says the tool's name twice. */
export const titleParts = (title: string, maxLength: number): ExactPart[] =>
  exactLine(title.replace(/^(\w+): \1 /, '$1: '), maxLength);

export const decisionTitle = (title: string, maxLength: number): string => shownText(titleParts(title, maxLength));
