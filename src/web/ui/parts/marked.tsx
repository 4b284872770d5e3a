import { Fragment } from 'react';
import type { ExactPart } from '../../../protocol/exact-text.ts';

/** A run of right-to-left letters and the spaces between them, isolated so that it cannot reorder its surroundings. */
const rightToLeft =
  /([\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}][\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff} ]*)/u;

/** Text to approve, with named characters highlighted. */
export function Marked({ parts }: { parts: readonly ExactPart[] }) {
  return parts.map(({ text, isNamed }, index) =>
    isNamed ? (
      <mark key={index} title="This names a character that is not visible as itself">
        {text}
      </mark>
    ) : (
      <Fragment key={index}>
        {text.split(rightToLeft).map((piece, place) => (place % 2 === 1 ? <bdi key={place}>{piece}</bdi> : piece))}
      </Fragment>
    ),
  );
}
