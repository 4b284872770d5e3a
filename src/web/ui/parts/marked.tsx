import { Fragment } from 'react';
import type { ExactPart } from '../../../protocol/exact-text.ts';

/** Letters that are read from right to left, with the spaces between them: they order nothing but themselves. */
const rightToLeft =
  /([\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}][\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff} ]*)/u;

/** A text that somebody has to judge; names in it are set apart. */
export function Marked({ parts }: { parts: readonly ExactPart[] }) {
  return parts.map(({ text, isNamed }, index) =>
    isNamed ? (
      <mark key={index} title="This stands for what is not seen as itself">
        {text}
      </mark>
    ) : (
      <Fragment key={index}>
        {text.split(rightToLeft).map((piece, place) => (place % 2 === 1 ? <bdi key={place}>{piece}</bdi> : piece))}
      </Fragment>
    ),
  );
}
