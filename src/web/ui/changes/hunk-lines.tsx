import { memo, type ReactNode, useMemo, useState } from 'react';
import type { ShownHunk, ShownLine } from '../../text/diff-rows.ts';
import { type Coloured, linePieces } from '../../text/line-pieces.ts';
import { isSelected, type Selection, type Side } from '../../text/line-selection.ts';
import { changeMarks, changeWords } from '../parts/diff.tsx';
import { Marked } from '../parts/marked.tsx';
import { useColours } from './use-colours.ts';

/** What is shown below a line, by side and number: `after 12`. */
export type Inserts = ReadonlyMap<string, ReactNode>;
export const insertKey = (side: Side, number: number | undefined): string => `${side} ${number}`;

const firstChars = 2_000;

const Code = memo(function Code({ line, colours }: { line: ShownLine; colours: readonly Coloured[] | undefined }) {
  const [isWhole, setWhole] = useState(false);
  const rest = isWhole ? 0 : line.text.length - firstChars;
  const text = rest > 0 ? line.text.slice(0, firstChars) : line.text;
  const pieces = useMemo(() => linePieces(text, colours, line.marks), [text, colours, line.marks]);
  return (
    <span className="changes-code">
      {pieces.map((piece, index) => {
        const { className = '', isMarked } = piece;
        const shown = <Marked key={index} parts={[piece]} />;
        if (className === '' && !isMarked) return shown;
        return (
          <span key={index} className={isMarked ? `${className} changes-word` : className}>
            {shown}
          </span>
        );
      })}
      {rest > 0 && (
        <button type="button" className="plain" onClick={() => setWhole(true)}>
          … {rest.toLocaleString('en-US')} more characters
        </button>
      )}
      {line.isUnended === true && <span className="changes-unended">No newline at the end</span>}
    </span>
  );
});

function Number({ line, side }: { line: ShownLine | undefined; side: Side }) {
  const number = line?.[side];
  return (
    <span
      className="changes-number"
      data-side={number === undefined ? undefined : side}
      data-number={number}
      aria-hidden="true"
    >
      {number}
    </span>
  );
}

interface LineProps {
  line: ShownLine;
  colours: readonly Coloured[] | undefined;
  isChosen: boolean;
}

const UnifiedLine = memo(function UnifiedLine({ line, colours, isChosen }: LineProps) {
  return (
    <div className={`changes-line diff-${line.kind}${isChosen ? ' is-chosen' : ''}`}>
      <Number line={line} side="before" />
      <Number line={line} side="after" />
      <span className="diff-mark" aria-hidden="true">
        {changeMarks[line.kind]}
      </span>
      <span className="visually-hidden">{changeWords[line.kind]}</span>
      <Code line={line} colours={colours} />
    </div>
  );
});

function Half({
  line,
  side,
  colours,
  isChosen,
}: Omit<LineProps, 'line'> & { line: ShownLine | undefined; side: Side }) {
  const kind = line?.kind ?? 'none';
  return (
    <div className={`changes-half diff-${kind}${isChosen ? ' is-chosen' : ''}`}>
      <Number line={line} side={side} />
      <span className="diff-mark" aria-hidden="true">
        {line && changeMarks[line.kind]}
      </span>
      {line && <span className="visually-hidden">{changeWords[line.kind]}</span>}
      {line && <Code line={line} colours={colours} />}
    </div>
  );
}

interface HunkProps {
  hunk: ShownHunk;
  path: string;
  isSplit: boolean;
  isColoured: boolean;
  selection: Selection | undefined;
  inserts: Inserts;
  /** Beside its heading. */
  actions?: ReactNode;
}

export const HunkLines = memo(function HunkLines(props: HunkProps) {
  const { hunk, path, isSplit, selection, inserts } = props;
  const colours = useColours(hunk, path, props.isColoured);
  const below = (side: Side, line: ShownLine | undefined): ReactNode =>
    inserts.size > 0 && line ? inserts.get(insertKey(side, line[side])) : undefined;
  const first = hunk.lines[0];
  return (
    <section className="changes-hunk" data-hunk={hunk.index} aria-label={`Change ${hunk.index + 1}`}>
      <div className="changes-hunk-head">
        <span>
          {first && `Line ${first.after ?? first.before}`}
          {hunk.heading !== '' && (
            <bdi className="code">
              {' '}
              <Marked parts={linePieces(hunk.heading, undefined, [])} />
            </bdi>
          )}
        </span>
        {props.actions}
      </div>
      {isSplit
        ? hunk.rows.map(({ left, right }, index) => (
            <div key={index}>
              <div className="changes-pair">
                <Half
                  line={left}
                  side="before"
                  colours={left && colours.get(left)}
                  isChosen={left !== undefined && isSelected(left, 'before', selection)}
                />
                <Half
                  line={right}
                  side="after"
                  colours={right && colours.get(right)}
                  isChosen={right !== undefined && isSelected(right, 'after', selection)}
                />
              </div>
              {below('before', left)}
              {below('after', right)}
            </div>
          ))
        : hunk.lines.map((line, index) => [
            <UnifiedLine
              key={index}
              line={line}
              colours={colours.get(line)}
              isChosen={isSelected(line, 'before', selection) || isSelected(line, 'after', selection)}
            />,
            below('before', line),
            below('after', line),
          ])}
    </section>
  );
});
