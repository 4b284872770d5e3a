import type { ReactNode } from 'react';
import type { ChangeDiff, ChangedFile, ChangeList } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { stagedCount } from './commit-dialog.tsx';
import type { Changing } from './use-changing.tsx';

interface ButtonProps {
  list: ChangeList;
  file: ChangedFile;
  changing: Changing;
}

interface FileActionsProps {
  file: ChangedFile;
  /** What is shown of it, which may be older than the list. */
  diff: ChangeDiff | undefined;
  changing: Changing;
}

interface ChangingButtonProps {
  changing: Changing;
  className?: string;
  label?: string;
  onPress: () => void;
  children: ReactNode;
}

/** Stays focusable while something is being changed: a button that is disabled loses the focus. */
export function ChangingButton({ changing, className, label, onPress, children }: ChangingButtonProps) {
  return (
    <button
      className={className}
      aria-label={label}
      aria-disabled={changing.isBusy}
      onClick={() => !changing.isBusy && onPress()}
    >
      {children}
    </button>
  );
}

export function FileActions({ file, diff, changing }: FileActionsProps) {
  const { staged } = file;
  return (
    <>
      {staged !== undefined && staged !== 'all' && (
        <ChangingButton changing={changing} onPress={() => changing.stage([file], true)}>
          Stage
        </ChangingButton>
      )}
      {staged !== undefined && staged !== 'none' && (
        <ChangingButton changing={changing} onPress={() => changing.stage([file], false)}>
          Unstage
        </ChangingButton>
      )}
      {!file.isSubmodule && (
        <ChangingButton className="dangerous" changing={changing} onPress={() => changing.discardFile(file, diff)}>
          Discard …
        </ChangingButton>
      )}
    </>
  );
}

export function DiscardHunk({ list, file, hunk, changing }: ButtonProps & { hunk: Hunk }) {
  // An added or deleted file is discarded as a whole.
  if (file.status !== 'modified' || file.isSubmodule) return null;
  return (
    <ChangingButton
      className="plain"
      label={`Discard change ${hunk.index + 1}`}
      changing={changing}
      onPress={() => changing.discardHunk({ list, file, hunk })}
    >
      Discard …
    </ChangingButton>
  );
}

export function CommitBar({
  list,
  changing,
  onCommit,
}: {
  list: ChangeList;
  changing: Changing;
  onCommit: () => void;
}) {
  const staged = stagedCount(list);
  const isAll = list.files.every((file) => file.staged === 'all');
  return (
    <div className="changes-foot">
      <span>{staged === 0 ? 'Nothing is staged' : `${countOf(staged, 'file')} staged`}</span>
      <span className="actions">
        <ChangingButton changing={changing} onPress={() => changing.stage(list.files, !isAll)}>
          {isAll ? 'Unstage all' : 'Stage all'}
        </ChangingButton>
        <button className="primary" onClick={onCommit}>
          Commit …
        </button>
      </span>
    </div>
  );
}
