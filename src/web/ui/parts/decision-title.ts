import { exactLine, type ExactPart, shownText } from '../../../protocol/exact-text.ts';

/** A decision's title on one line. `Edit: Edit /a/file` repeats the tool's name. */
export const titleParts = (title: string, maxLength: number): ExactPart[] =>
  exactLine(title.replace(/^(\w+): \1 /, '$1: '), maxLength);

export const decisionTitle = (title: string, maxLength: number): string => shownText(titleParts(title, maxLength));
