import type { ReactNode, RefObject } from 'react';
import type { ChangedFile } from '../../../client/client.ts';
import { type ChangesState, shownDiff } from '../../state/changes-view.ts';
import { statusWords } from '../../text/changes-words.ts';
import { isFolder } from '../../text/ignored-rows.ts';
import type { IgnoredFile } from '../../text/tree-rows.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { Problem } from '../parts/problem.tsx';
import { FileDiffView } from './file-diff.tsx';
import { FileHead } from './file-head.tsx';
import { Counts } from './file-tree.tsx';
import type { Writing } from './use-writing.tsx';

interface ChosenProps {
  state: ChangesState;
  isSplit: boolean;
  hidesBlanks: boolean;
  writing: Writing;
  scroller: RefObject<HTMLDivElement | null>;
  step: RefObject<((by: 1 | -1) => boolean) | undefined>;
  onGo: (by: 1 | -1) => void;
  onRetry: () => void;
}

interface ChosenFileProps extends ChosenProps {
  /** Undefined if it is no longer changed. */
  file: ChangedFile | undefined;
  isSeen: boolean;
  onSeen: (isSeen: boolean) => void;
  who: ReactNode;
  actions?: ReactNode;
  hunkActions?: (hunk: Hunk) => ReactNode;
}

const noChanges = 'This file has no changes any more.';

export function ChosenFile(props: ChosenFileProps) {
  const { file, state, onGo } = props;
  if (!file) {
    return (
      <section className="changes-file" aria-label="File">
        <p className="changes-empty">{noChanges}</p>
      </section>
    );
  }
  const shown = shownDiff(state, file);
  return (
    <section className="changes-file" aria-label="File">
      <FileHead path={file.path} onGo={onGo} below={props.who}>
        <span className={`changes-status is-${file.status}`}>{statusWords[file.status]}</span>
        <Counts file={file} />
        <span className="spread" />
        {props.actions}
        <label className="check" title="Until its content changes (s)">
          <input type="checkbox" checked={props.isSeen} onChange={(event) => props.onSeen(event.target.checked)} />
          Seen
        </label>
      </FileHead>
      <DiffProblem {...props} />
      {shown ? (
        <FileDiffView {...props} file={file} diff={shown} />
      ) : (
        <NoDiff state={state} words={state.diff && noChanges} />
      )}
    </section>
  );
}

/** As if it were new. What is done with changed files cannot be done with it. */
export function ChosenIgnored(props: ChosenProps & { ignored: IgnoredFile }) {
  const { ignored, state, onGo } = props;
  const { diff } = state;
  const file = diff?.file;
  return (
    <section className="changes-file" aria-label="File">
      <FileHead path={ignored.path} onGo={onGo}>
        <span className="quiet">ignored by git</span>
        {file && <Counts file={file} />}
        <span className="spread" />
      </FileHead>
      <DiffProblem {...props} />
      {isFolder(ignored) ? (
        <p className="changes-empty">Everything in this directory is ignored, so it is only named.</p>
      ) : file ? (
        <FileDiffView {...props} isIgnored file={file} diff={diff} />
      ) : (
        <NoDiff state={state} words={diff && 'This file is gone, or is not ignored any more.'} />
      )}
    </section>
  );
}

function DiffProblem({ state: { diffProblem }, onRetry }: Pick<ChosenProps, 'state' | 'onRetry'>) {
  return (
    <>
      <Problem text={diffProblem?.message} />
      {diffProblem && (
        <p className="changes-more">
          <button onClick={onRetry}>Try again</button>
        </p>
      )}
    </>
  );
}

function NoDiff({ state, words = 'Reading …' }: { state: ChangesState; words: string | undefined }) {
  if (state.diffProblem) return null;
  return (
    <p className="changes-empty" role="status">
      {words}
    </p>
  );
}
