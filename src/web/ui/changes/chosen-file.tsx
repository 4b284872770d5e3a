import type { ReactNode, RefObject } from 'react';
import type { ChangedFile } from '../../../client/client.ts';
import type { ChangesState } from '../../state/changes-view.ts';
import { statusWords, visibleName } from '../../text/changes-words.ts';
import { fileKey } from '../../text/tree-rows.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { Icon } from '../parts/icon.tsx';
import { Problem } from '../parts/problem.tsx';
import { FileDiffView } from './file-diff.tsx';
import { Counts } from './file-tree.tsx';
import type { Writing } from './use-writing.tsx';

interface ChosenFileProps {
  /** Undefined if it is no longer changed. */
  file: ChangedFile | undefined;
  state: ChangesState;
  isSplit: boolean;
  hidesBlanks: boolean;
  writing: Writing;
  scroller: RefObject<HTMLDivElement | null>;
  step: RefObject<((by: 1 | -1) => boolean) | undefined>;
  isSeen: boolean;
  onSeen: (isSeen: boolean) => void;
  onGo: (by: 1 | -1) => void;
  onRetry: () => void;
  actions?: ReactNode;
  hunkActions?: (hunk: Hunk) => ReactNode;
}

export function ChosenFile(props: ChosenFileProps) {
  const { file, state, onGo } = props;
  if (!file) {
    return (
      <section className="changes-file" aria-label="File">
        <p className="changes-empty">This file has no changes any more.</p>
      </section>
    );
  }
  const name = visibleName(file.path);
  const slash = name.lastIndexOf('/') + 1;
  const { diff, diffProblem } = state;
  const shown = diff?.file && fileKey(diff.file) === fileKey(file) ? diff : undefined;
  return (
    <section className="changes-file" aria-label="File">
      <header className="changes-file-head">
        <h3 title={name}>
          <bdi>
            <span className="quiet">{name.slice(0, slash)}</span>
            {name.slice(slash)}
          </bdi>
        </h3>
        <span className={`changes-status is-${file.status}`}>{statusWords[file.status]}</span>
        <Counts file={file} />
        <span className="spread" />
        {props.actions}
        <label className="check" title="Until its content changes (s)">
          <input type="checkbox" checked={props.isSeen} onChange={(event) => props.onSeen(event.target.checked)} />
          Seen
        </label>
        <button className="icon-button" aria-label="Previous file" title="Previous file (p)" onClick={() => onGo(-1)}>
          <Icon name="up" />
        </button>
        <button className="icon-button" aria-label="Next file" title="Next file (n)" onClick={() => onGo(1)}>
          <Icon name="down" />
        </button>
      </header>
      <Problem text={diffProblem?.message} />
      {diffProblem && (
        <p className="changes-more">
          <button onClick={props.onRetry}>Try again</button>
        </p>
      )}
      {shown ? (
        <FileDiffView {...props} file={file} diff={shown} />
      ) : (
        !diffProblem && (
          <p className="changes-empty" role="status">
            {diff ? 'This file has no changes any more.' : 'Reading …'}
          </p>
        )
      )}
    </section>
  );
}
