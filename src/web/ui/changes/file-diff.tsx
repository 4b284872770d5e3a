import { type KeyboardEvent, type ReactNode, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import type { ChangeDiff, ChangedFile } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import { visibleName } from '../../text/changes-words.ts';
import { hideBlanks, showHunk } from '../../text/diff-rows.ts';
import { extended, isSelected, moved, type Selection, sideOf } from '../../text/line-selection.ts';
import { type FileDiff, type Hunk, parseDiff } from '../../text/unified-diff.ts';
import { HunkLines, type Inserts } from './hunk-lines.tsx';
import { useSelection } from './use-selection.ts';
import type { Writing } from './use-writing.tsx';

/** Longer diffs are shown on request, in steps. */
const foldedLines = 1_500;
const foldedChars = 400_000;
const moreLines = 3_000;
/** Longer ones stay in one colour. */
const colouredChars = 300_000;
const noInserts: Inserts = new Map();

export interface FileDiffProps {
  file: ChangedFile;
  diff: ChangeDiff;
  isSplit: boolean;
  hidesBlanks: boolean;
  isIgnored?: boolean;
  writing: Writing;
  scroller: RefObject<HTMLDivElement | null>;
  /** Goes to the next change of this file, or answers that there is none. */
  step: RefObject<((by: 1 | -1) => boolean) | undefined>;
  /** For a change as the file has it, whatever of it is hidden. */
  hunkActions?: (hunk: Hunk) => ReactNode;
}

export function FileDiffView(props: FileDiffProps) {
  const { file, diff, isSplit, hidesBlanks, writing, scroller, step } = props;
  const parsed = useMemo(() => parseDiff(diff.diff), [diff.diff]);
  const { hunks, hidden } = useMemo(
    () => (hidesBlanks ? hideBlanks(parsed.hunks) : { hunks: parsed.hunks, hidden: 0 }),
    [parsed, hidesBlanks],
  );
  const total = hunks.reduce((sum, { lines }) => sum + lines.length, 0);
  const isLarge = total > foldedLines || diff.diff.length > foldedChars;
  const [limit, setLimit] = useState(0);
  const shown = useMemo(() => {
    let left = isLarge ? limit : Infinity;
    return hunks.flatMap((hunk) => {
      if (left <= 0) return [];
      const lines = hunk.lines.slice(0, left);
      left -= lines.length;
      return [showHunk(lines.length === hunk.lines.length ? hunk : { ...hunk, lines })];
    });
  }, [hunks, isLarge, limit]);
  const shownLines = shown.reduce((sum, { lines }) => sum + lines.length, 0);
  const begin = (selection: Selection): void => writing.begin(file.path, hunks, selection);
  const { selection, setSelection, handlers } = useSelection(scroller, begin);
  const { inserts, lost } = writing.place(file.path, shown);
  const spoken = useSpoken(shown, selection);
  // Of a diff that is cut off, the last one may be longer than what is here.
  const whole = diff.isTruncated ? parsed.hunks.slice(0, -1) : parsed.hunks;
  useEffect(() => writing.follow(file.path, shown), [file.path, shown, writing.comments]);

  // The selected line is in view, wherever the keyboard has moved it.
  const isByKey = useRef(false);
  useEffect(() => {
    if (!isByKey.current) return;
    isByKey.current = false;
    scroller.current?.querySelector('.is-chosen')?.scrollIntoView({ block: 'nearest' });
  }, [selection, scroller]);
  const select = (next: Selection | undefined): void => {
    isByKey.current = true;
    setSelection(next);
  };

  step.current = (by) => {
    const sections = [...(scroller.current?.querySelectorAll<HTMLElement>('[data-hunk]') ?? [])];
    const at = sections.findIndex(({ dataset }) => Number(dataset['hunk']) === selection?.hunk);
    const next = sections[at === -1 ? (by === 1 ? 0 : sections.length - 1) : at + by];
    const hunk = shown.find(({ index }) => index === Number(next?.dataset['hunk']));
    const line = hunk?.lines.find(({ kind }) => kind !== 'same');
    if (!next || !hunk || !line) return false;
    const number = line[sideOf(line)]!;
    setSelection({ side: sideOf(line), hunk: hunk.index, anchor: number, head: number });
    next.scrollIntoView({ block: 'start' });
    return true;
  };
  useEffect(() => () => void (step.current = undefined), [step]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const by = event.key === 'ArrowDown' ? 1 : -1;
      event.preventDefault();
      select(event.shiftKey && selection ? extended(shown, selection, by) : moved(shown, selection, by));
    } else if ((event.key === 'c' || event.key === 'Enter') && selection) {
      event.preventDefault();
      begin(selection);
    } else if (event.key === 'Escape' && selection) {
      event.stopPropagation();
      setSelection(undefined);
    }
  };

  return (
    <div
      ref={scroller}
      className={`changes-diff${isSplit ? ' is-split' : ''}`}
      tabIndex={0}
      role="region"
      aria-label={`Changes of ${visibleName(file.path)}`}
      onKeyDown={onKeyDown}
      {...handlers}
    >
      <Notes file={file} diff={diff} parsed={parsed} hidden={hidden} isIgnored={props.isIgnored} />
      {lost}
      {shown.map((hunk) => (
        <HunkLines
          key={hunk.index}
          hunk={hunk}
          path={file.path}
          isSplit={isSplit}
          isColoured={diff.diff.length < colouredChars}
          selection={selection?.hunk === hunk.index ? selection : undefined}
          inserts={inserts.size === 0 ? noInserts : inserts}
          actions={whole[hunk.index] && props.hunkActions?.(whole[hunk.index]!)}
        />
      ))}
      {shownLines < total && (
        <p className="changes-more">
          {limit === 0
            ? `This is a large diff: ${countOf(total, 'line')}. `
            : `${countOf(total - shownLines, 'line')} left. `}
          <button type="button" onClick={() => setLimit(limit + moreLines)}>
            {total - shownLines > moreLines ? `Show ${countOf(moreLines, 'line')}` : 'Show them'}
          </button>
        </p>
      )}
      <p className="visually-hidden" role="status">
        {spoken}
      </p>
    </div>
  );
}

/** The selected lines in words, for screen readers. */
function useSpoken(hunks: FileDiff['hunks'], selection: Selection | undefined): string {
  if (!selection) return '';
  const hunk = hunks.find(({ index }) => index === selection.hunk);
  const lines = hunk?.lines.filter((line) => isSelected(line, selection.side, selection)) ?? [];
  const [line] = lines;
  if (!line) return '';
  if (lines.length > 1) return `${lines.length} lines selected. Press C to comment on them.`;
  const kind = line.kind === 'same' ? '' : `, ${line.kind}`;
  return `Line ${line[selection.side]}${kind}: ${visibleName(line.text.slice(0, 300))}`;
}

function Notes({
  file,
  diff,
  parsed,
  hidden,
  isIgnored = false,
}: {
  file: ChangedFile;
  diff: ChangeDiff;
  parsed: FileDiff;
  hidden: number;
  isIgnored: boolean | undefined;
}) {
  const notes: string[] = [];
  const isOnlyNamed = isIgnored && diff.isTruncated && diff.diff === '';
  if (isOnlyNamed) notes.push('It is larger than 10 MB, so it is only named.');
  else if (isIgnored) notes.push('It is shown as if it were new.');
  if (file.status === 'renamed' && file.oldPath !== undefined) notes.push(`Renamed from ${visibleName(file.oldPath)}.`);
  if (file.status === 'type_changed') notes.push('It is a file of another type now.');
  if (file.status === 'deleted') notes.push('The file was deleted.');
  if (file.isSubmodule) notes.push('It is a submodule: only its commit is compared, not the files in it.');
  notes.push(...parsed.facts.filter((fact) => !file.isSubmodule || !fact.includes('submodule')));
  if (file.isBinary && !isOnlyNamed)
    notes.push('It is a binary file, or larger than 10 MB, so its content is not shown.');
  if (parsed.isCrlf) notes.push('Its lines end with CR LF.');
  if (diff.isLossy) notes.push('Some of it is not UTF-8, and was replaced by �.');
  if (diff.isTruncated && !isOnlyNamed) notes.push('The diff is larger than 1 MB, and its end is missing here.');
  if (hidden > 0) notes.push(`${countOf(hidden, 'line')} with changes of white space only, shown as unchanged.`);
  else if (parsed.hunks.length === 0 && !file.isBinary && !file.isSubmodule) {
    if (file.status === 'added' || file.status === 'deleted') notes.push('It is empty.');
    else if (diff.diff === '') notes.push('There is nothing to show.');
  }
  if (notes.length === 0) return null;
  return <p className="changes-notes">{notes.join(' ')}</p>;
}
