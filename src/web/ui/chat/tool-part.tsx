import { type ReactNode, useState } from 'react';
import type { ToolCallContent } from '../../../protocol/event.ts';
import { printed, readableLine } from '../../text/readable.ts';
import { Picture } from './content.tsx';
import { Diff } from '../parts/diff.tsx';
import type { DiffLine } from '../../text/diff-lines.ts';
import { LongText } from '../parts/long-text.tsx';

const shortLines = 16;
const shortLength = 2_000;

/** One part of a tool's result. */
export function ToolPart({
  part,
  named,
  lines,
}: {
  part: ToolCallContent;
  /** The path that the card already shows. */
  named: string;
  /** The change from the result, if it says more than the part. */
  lines: DiffLine[] | undefined;
}): ReactNode {
  const [isWhole, setWhole] = useState(false);
  if (part.type === 'diff') {
    const isNew = part.oldText === null;
    return (
      <figure className="change">
        {(isNew || part.path !== named) && (
          <figcaption>
            {part.path !== named && <bdi>{readableLine(part.path, 300)} </bdi>}
            {isNew && <span className="quiet">new file</span>}
          </figcaption>
        )}
        <Diff oldText={part.oldText} newText={part.newText} lines={lines} />
      </figure>
    );
  }
  if (part.content.type === 'image') return <Picture block={part.content} />;
  const text = part.content.text.trimEnd();
  if (text === '') return null;
  const short = shortened(text);
  if (isWhole || short === undefined) return <LongText text={printed(text)} className="output" />;
  return (
    <>
      <pre className="output">{printed(short)}</pre>
      <button type="button" className="plain" onClick={() => setWhole(true)}>
        Show all ({text.length.toLocaleString('en-US')} characters)
      </button>
    </>
  );
}

/** The first lines of a long text; undefined for a short one. */
function shortened(text: string): string | undefined {
  let end = -1;
  for (let line = 0; line < shortLines; line += 1) {
    end = text.indexOf('\n', end + 1);
    if (end === -1) break;
  }
  const cut = Math.min(end === -1 ? text.length : end, shortLength);
  return cut < text.length ? text.slice(0, cut) : undefined;
}
