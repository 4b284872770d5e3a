import { type ReactNode, useState } from 'react';
import type { ChangedFile, ChangeList, NamedFile } from '../../../client/client.ts';
import type { ChangesView } from '../../state/changes-view.ts';
import { statusWords, visibleName } from '../../text/changes-words.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';

export const namedFile = ({ path, pathBytes, oldPath, oldPathBytes }: ChangedFile): NamedFile => ({
  path,
  ...(pathBytes !== undefined && { pathBytes }),
  ...(oldPath !== undefined && { oldPath }),
  ...(oldPathBytes !== undefined && { oldPathBytes }),
});

/** What is to be discarded, as the person sees it. */
interface Discarding {
  list: ChangeList;
  file: ChangedFile;
  /** One hunk of it; undefined for the whole file. */
  hunk: number | undefined;
}

export interface Changing {
  isBusy: boolean;
  stage(files: readonly ChangedFile[], isStaged: boolean): void;
  /** Asks first. */
  discard(discarding: Discarding): void;
  /** The question, and the way back afterwards. */
  dialogs: ReactNode;
  undo: ReactNode;
}

/** Stages, unstages and discards. What is refused is said in a toast, and the list is read again in any case. */
export function useChanging(chatId: string, view: ChangesView, onDone: () => void): Changing {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const [asked, setAsked] = useState<Discarding>();
  const [undone, setUndone] = useState<{ undo: string; name: string }>();

  async function run<T>(work: () => Promise<T>): Promise<T | undefined> {
    setBusy(true);
    const result = await session.attempt(work);
    setBusy(false);
    view.refresh();
    return result;
  }
  const close = (): void => {
    setAsked(undefined);
    onDone();
  };
  async function discard({ list, file, hunk }: Discarding): Promise<void> {
    close();
    const { since, tree, base } = list;
    const done = await run(() =>
      session.api.discardChange(chatId, {
        ...namedFile({ ...file, oldPath: undefined, oldPathBytes: undefined }),
        since,
        tree,
        ...(hunk !== undefined && { hunks: [hunk], base: base.commit }),
      }),
    );
    if (done) setUndone({ undo: done.undo, name: visibleName(file.path) });
  }
  async function giveBack(undo: string): Promise<void> {
    if (await run(() => session.api.undoDiscard(chatId, { undo }))) setUndone(undefined);
  }

  return {
    isBusy,
    stage(files, isStaged) {
      const paths = files.map(namedFile);
      void run(() =>
        isStaged ? session.api.stageChanges(chatId, { paths }) : session.api.unstageChanges(chatId, { paths }),
      );
    },
    discard: setAsked,
    dialogs: asked && (
      <Dialog
        title={asked.hunk === undefined ? 'Discard this file’s changes?' : 'Discard this change?'}
        onClose={close}
      >
        <p>
          <bdi className="code">{visibleName(asked.file.path)}</bdi> {outcomeText(asked)}
        </p>
        <p className="quiet">You can undo this afterwards.</p>
        <div className="actions">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="button" className="danger-fill" onClick={() => void discard(asked)}>
            Discard
          </button>
        </div>
      </Dialog>
    ),
    undo: undone && (
      <div className="changes-foot" role="status">
        <span>
          Discarded: <bdi className="code">{undone.name}</bdi>
        </span>
        <span className="actions">
          <button disabled={isBusy} onClick={() => void giveBack(undone.undo)}>
            Undo
          </button>
          <button className="icon-button" aria-label="Keep it discarded" onClick={() => setUndone(undefined)}>
            <Icon name="close" />
          </button>
        </span>
      </div>
    ),
  };
}

function outcomeText({ list, file, hunk }: Discarding): string {
  const when =
    list.since === 'head'
      ? 'in the last commit'
      : list.since === 'start'
        ? 'at the chat’s start'
        : 'at that turn’s start';
  if (hunk !== undefined) return `becomes again what it was ${when}, in these lines.`;
  if (file.status === 'added') return 'is removed.';
  if (file.status === 'deleted') return 'is brought back.';
  return `is ${statusWords[file.status]}, and becomes again what it was ${when}.`;
}
