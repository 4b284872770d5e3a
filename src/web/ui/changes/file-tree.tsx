/**
 * The changed files as a tree, of which only the rows near the visible part are in the document. The tree itself has the
 * focus, and names its current row.
 */
import { type KeyboardEvent, memo, useEffect, useId, useMemo, useRef } from 'react';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { ChangedFile } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import { linesText, statusLetters, statusWords, visibleName } from '../../text/changes-words.ts';
import type { TreeRow } from '../../text/tree-rows.ts';
import { type Who, whoLabels, whoWords } from '../../text/who-words.ts';
import { Icon } from '../parts/icon.tsx';
import type { Room } from './use-room.ts';

export interface FileTreeProps {
  rows: readonly TreeRow[];
  /** The key of the current row. */
  active: string | undefined;
  chosen: string | undefined;
  room: Room | undefined;
  seen: ReadonlySet<string>;
  comments: ReadonlyMap<string, number>;
  /** Of the files of which it is known. */
  who: ReadonlyMap<string, Who>;
  /** A file that the arrow keys reach is chosen at once. */
  choosesActive: boolean;
  onActive: (key: string) => void;
  onChoose: (key: string) => void;
  onFold: (key: string, isOpen: boolean) => void;
}

export function FileTree(props: FileTreeProps) {
  const { rows, active, room, choosesActive, onActive, onChoose, onFold } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const at = rows.findIndex(({ key }) => key === active);
  const kept = useMemo(() => (at === -1 ? [] : [at]), [at]);
  useEffect(() => {
    if (at !== -1) list.current?.scrollToIndex(at, { align: 'nearest' });
    // Only when another row becomes the current one, not when rows come and go around it.
  }, [active, room]);

  const go = (index: number): void => {
    const row = rows[index];
    if (!row) return;
    onActive(row.key);
    if (row.kind !== 'folder' && choosesActive) onChoose(row.key);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows[at];
    const steps: Record<string, () => void> = {
      ArrowDown: () => go(Math.min(at + 1, rows.length - 1)),
      ArrowUp: () => go(Math.max(at - 1, 0)),
      Home: () => go(0),
      End: () => go(rows.length - 1),
      ArrowRight: () => {
        if (row?.kind === 'folder' && !row.isOpen) onFold(row.key, true);
        else if (row?.kind === 'folder') go(at + 1);
      },
      ArrowLeft: () => {
        if (row?.kind === 'folder' && row.isOpen) return onFold(row.key, false);
        const above = rows.slice(0, Math.max(at, 0)).findLastIndex(({ depth }) => depth < (row?.depth ?? 0));
        if (above !== -1) go(above);
      },
      Enter: () => press(row),
      ' ': () => press(row),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  };
  const press = (row: TreeRow | undefined): void => {
    if (row?.kind === 'folder') onFold(row.key, !row.isOpen);
    else if (row) onChoose(row.key);
  };

  return (
    <div
      ref={scroller}
      className="changes-tree"
      // Its rows are placed without taking space.
      style={room === 'medium' ? { height: `min(14rem, ${rows.length * 1.75 + 0.8}rem)` } : undefined}
      role="tree"
      aria-label="Changed files"
      tabIndex={0}
      aria-activedescendant={at === -1 ? undefined : `${id}-${at}`}
      onKeyDown={onKeyDown}
    >
      <Virtualizer ref={list} scrollRef={scroller} data={rows} keepMounted={kept}>
        {(row, index) => (
          <Row
            key={row.key}
            id={`${id}-${index}`}
            row={row}
            isActive={index === at}
            isChosen={row.key === props.chosen}
            isSeen={props.seen.has(row.key)}
            comments={props.comments.get(row.key) ?? 0}
            who={props.who.get(row.key)}
            onPress={() => {
              onActive(row.key);
              press(row);
            }}
          />
        )}
      </Virtualizer>
    </div>
  );
}

interface RowProps {
  id: string;
  row: TreeRow;
  isActive: boolean;
  isChosen: boolean;
  isSeen: boolean;
  comments: number;
  who: Who | undefined;
  onPress: () => void;
}

function Row({ id, row, isActive, isChosen, isSeen, comments, who, onPress }: RowProps) {
  const name = visibleName(row.name);
  const isFolder = row.kind === 'folder';
  const file = row.kind === 'file' ? row.file : undefined;
  const words = file
    ? [
        name,
        statusWords[file.status],
        linesText(file),
        ...(file.staged === 'all' ? ['staged'] : file.staged === 'part' ? ['staged in part'] : []),
        ...(comments > 0 ? [countOf(comments, 'comment')] : []),
        ...(isSeen ? ['seen'] : []),
        ...(who ? [whoWords[who]] : []),
      ].join(', ')
    : isFolder
      ? `${name}, ${countOf(row.count, 'file')}`
      : `${name}, ignored`;
  return (
    <div
      id={id}
      role="treeitem"
      className={`changes-row changes-depth-${Math.min(row.depth, 8)}${isActive ? ' is-active' : ''}${isSeen ? ' is-seen' : ''}`}
      aria-level={row.depth + 1}
      aria-posinset={row.place.at}
      aria-setsize={row.place.of}
      aria-selected={isChosen}
      aria-expanded={isFolder ? row.isOpen : undefined}
      title={file && [visibleName(file.path), ...(who ? [whoWords[who]] : [])].join(', ')}
      onClick={onPress}
    >
      {isFolder ? (
        <Icon name="chevron" />
      ) : (
        <span className={`changes-status is-${file?.status ?? 'ignored'}`} aria-hidden="true">
          {file ? statusLetters[file.status] : '!'}
        </span>
      )}
      <span className="visually-hidden">{words}</span>
      <bdi className="changes-name" aria-hidden="true">
        {name}
      </bdi>
      {file && who && whoLabels[who] && (
        <span className="changes-who-label" aria-hidden="true">
          {whoLabels[who]}
        </span>
      )}
      {(file?.staged === 'all' || file?.staged === 'part') && (
        <span
          className={`changes-staged is-${file.staged}`}
          title={file.staged === 'all' ? 'Staged' : 'Staged in part'}
        />
      )}
      {comments > 0 && (
        <span className="changes-comments" aria-hidden="true">
          {comments}
        </span>
      )}
      {isSeen && <Icon name="check" />}
      {isFolder && !row.isOpen && (
        <span className="quiet" aria-hidden="true">
          {row.count}
        </span>
      )}
      {file && (
        <span aria-hidden="true">
          <Counts file={file} />
        </span>
      )}
    </div>
  );
}

export const Counts = memo(function Counts({ file }: { file: ChangedFile }) {
  if (file.added === null || file.removed === null) {
    return <span className="changes-counts quiet">{file.isSubmodule || file.isBinary ? linesText(file) : ''}</span>;
  }
  return (
    <span className="changes-counts">
      {file.added > 0 && <span className="is-added">+{file.added}</span>}{' '}
      {file.removed > 0 && <span className="is-removed">−{file.removed}</span>}
    </span>
  );
});
