import type { ChangedFile, ChangeList } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import { stagedCount } from './commit-dialog.tsx';
import type { Changing } from './use-changing.tsx';

interface ButtonProps {
  list: ChangeList;
  file: ChangedFile;
  changing: Changing;
}

export function FileActions({ list, file, changing }: ButtonProps) {
  const { staged } = file;
  return (
    <>
      {staged !== undefined && staged !== 'all' && (
        <button disabled={changing.isBusy} onClick={() => changing.stage([file], true)}>
          Stage
        </button>
      )}
      {staged !== undefined && staged !== 'none' && (
        <button disabled={changing.isBusy} onClick={() => changing.stage([file], false)}>
          Unstage
        </button>
      )}
      {!file.isSubmodule && (
        <button
          className="dangerous"
          disabled={changing.isBusy}
          onClick={() => changing.discard({ list, file, hunk: undefined })}
        >
          Discard …
        </button>
      )}
    </>
  );
}

export function DiscardHunk({ list, file, hunk, changing }: ButtonProps & { hunk: number }) {
  // An added or deleted file is discarded as a whole.
  if (file.status !== 'modified' || file.isSubmodule) return null;
  return (
    <button
      className="plain"
      aria-label={`Discard change ${hunk + 1}`}
      disabled={changing.isBusy}
      onClick={() => changing.discard({ list, file, hunk })}
    >
      Discard …
    </button>
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
        <button disabled={changing.isBusy} onClick={() => changing.stage(list.files, !isAll)}>
          {isAll ? 'Unstage all' : 'Stage all'}
        </button>
        <button className="primary" onClick={onCommit}>
          Commit …
        </button>
      </span>
    </div>
  );
}
