import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ChangeDiff, ChangedFile, NamedFile, Since } from '../../../client/client.ts';
import { type BooError, toBooError } from '../../../protocol/error.ts';
import { statusWords, visibleName } from '../../text/changes-words.ts';
import { readableLine } from '../../text/readable.ts';
import { type Hunk, parseDiff } from '../../text/unified-diff.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Diff } from '../parts/diff.tsx';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';

export const onePath = ({ path, pathBytes }: NamedFile): Pick<NamedFile, 'path' | 'pathBytes'> => ({
  path,
  ...(pathBytes !== undefined && { pathBytes }),
});

export const whenText = (since: Since): string =>
  since === 'head' ? 'in the last commit' : since === 'start' ? 'at the chat’s start' : 'at that turn’s start';

export const linesOf = ({ lines }: Hunk) =>
  lines.map(({ kind, text, before, after }) => ({ kind, text, number: after ?? before ?? 0 }));

interface DiscardFileDialogProps {
  chatId: string;
  file: ChangedFile;
  since: Since;
  /** What is shown of the file behind this; without it that is read first. */
  diff: ChangeDiff | undefined;
  onDone: (name: string, undo: string) => void;
  /** Something may have changed. */
  onTried: () => void;
  onClose: () => void;
}

/** Discards exactly what it shows. If the file has changed since, it shows that instead. */
export function DiscardFileDialog({ chatId, file, since, diff, onDone, onTried, onClose }: DiscardFileDialogProps) {
  const session = useSession();
  const { api } = session;
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<BooError>();
  const [shown, setShown] = useState(diff);
  const [readProblem, setReadProblem] = useState<string>();
  const isOpen = useRef(true);
  useEffect(() => {
    isOpen.current = true;
    return () => void (isOpen.current = false);
  }, []);
  const path = file.pathBytes ?? file.path;
  const look = useCallback((): void => {
    setShown(undefined);
    setReadProblem(undefined);
    const named = file.pathBytes === undefined ? { path: file.path } : { pathBytes: file.pathBytes };
    api.changesDiff(chatId, { since, ...named }).then(
      (found) => isOpen.current && setShown(found),
      (error: unknown) => isOpen.current && setReadProblem(toBooError(error).message),
    );
    // The same file may be another object by now.
  }, [api, chatId, since, path]);
  useEffect(() => {
    if (!diff) look();
  }, []);

  async function discard({ tree, base }: ChangeDiff): Promise<void> {
    const request = { ...onePath(file), since, tree, base: base.commit };
    setBusy(true);
    try {
      const { undo } = await api.discardChange(chatId, request);
      onDone(visibleName(file.path), undo);
      if (isOpen.current) onClose();
    } catch (error) {
      const found = toBooError(error);
      if (found.code === 'unauthorized') session.refuse();
      else if (!isOpen.current) session.showToast(readableLine(found.message, 400), { level: 'error' });
      setProblem(found);
      if (isOpen.current) look();
    } finally {
      setBusy(false);
      onTried();
    }
  }

  const isOther = isStale(problem?.details['reason']);
  return (
    <Dialog title="Discard this file’s changes?" onClose={onClose}>
      <Problem text={isOther && shown ? 'This file has changed since you saw it.' : problem?.message} />
      <Problem text={readProblem} />
      {shown && (
        <p>
          <bdi className="code">{visibleName(file.path)}</bdi>{' '}
          {shown.file ? outcomeText(shown.file, since) : 'has no changes any more.'}
        </p>
      )}
      {shown && <FileChanges diff={shown} />}
      {!shown && readProblem === undefined && <p role="status">Reading …</p>}
      <DiscardButtons
        isReady={!isBusy && shown !== undefined && shown.file !== null}
        onCancel={onClose}
        onDiscard={() => shown && void discard(shown)}
      />
    </Dialog>
  );
}

const isStale = (reason: unknown): boolean => reason === 'changed_since' || reason === 'not_changed';

/** Of a diff that is cut off, only what is here can be shown, and all of it is discarded. */
function FileChanges({ diff }: { diff: ChangeDiff }) {
  const lines = useMemo(
    () =>
      parseDiff(diff.diff).hunks.flatMap((hunk, at) => [
        ...(at === 0 ? [] : [{ kind: 'skipped' as const, text: '' }]),
        ...linesOf(hunk),
      ]),
    [diff.diff],
  );
  return (
    <>
      {lines.length > 0 && <Diff key={diff.tree} oldText={null} newText="" lines={lines} />}
      {diff.file?.isBinary && <p className="quiet">Its content is not shown: it is binary, or larger than 10 MB.</p>}
      {diff.isTruncated && <p className="quiet">The end of its changes is not shown: they are too long.</p>}
    </>
  );
}

export function DiscardButtons({
  isReady,
  onCancel,
  onDiscard,
}: {
  isReady: boolean;
  onCancel: () => void;
  onDiscard: () => void;
}) {
  return (
    <>
      <p className="quiet">You can undo this afterwards.</p>
      <div className="actions">
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="button" className="danger-fill" disabled={!isReady} onClick={onDiscard}>
          Discard
        </button>
      </div>
    </>
  );
}

function outcomeText({ status }: ChangedFile, since: Since): string {
  if (status === 'added') return 'is removed.';
  if (status === 'deleted') return 'is brought back.';
  return `is ${statusWords[status]}, and becomes again what it was ${whenText(since)}.`;
}
