import { type ReactNode, useState } from 'react';
import type { ChangeDiff, ChangedFile, ChangeList, NamedFile, Since } from '../../../client/client.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { ChangesView } from '../../state/changes-view.ts';
import { type Discarded, noDiscards } from '../../state/discards.ts';
import { visibleName } from '../../text/changes-words.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Diff } from '../parts/diff.tsx';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';
import { DiscardButtons, DiscardFileDialog, linesOf, onePath, whenText } from './discard-file-dialog.tsx';

export const namedFile = ({ path, pathBytes, oldPath, oldPathBytes }: ChangedFile): NamedFile => ({
  path,
  ...(pathBytes !== undefined && { pathBytes }),
  ...(oldPath !== undefined && { oldPath }),
  ...(oldPathBytes !== undefined && { oldPathBytes }),
});

/** One hunk of the diff that the list is about. */
interface DiscardingHunk {
  list: ChangeList;
  file: ChangedFile;
  hunk: Hunk;
}

type Asked = DiscardingHunk | { hunk?: undefined; file: ChangedFile; since: Since; diff: ChangeDiff | undefined };

export interface Changing {
  isBusy: boolean;
  stage(files: readonly ChangedFile[], isStaged: boolean): void;
  /** Asks first. `diff` is what is shown of the file. */
  discardFile(file: ChangedFile, diff: ChangeDiff | undefined): void;
  /** Asks first. */
  discardHunk(discarding: DiscardingHunk): void;
  /** The question. */
  dialogs: ReactNode;
  /** What can be given back, newest first. */
  discards: readonly Discarded[];
  giveBack(undo: string): void;
  /** It stays discarded. */
  forget(undo: string): void;
}

/** Stages, unstages and discards. What is refused is said in a toast, and the list is read again in any case. */
export function useChanging(chatId: string, view: ChangesView): Changing {
  const session = useSession();
  const discards = useStore(session.discards.store).get(chatId) ?? noDiscards;
  const [isBusy, setBusy] = useState(false);
  const [asked, setAsked] = useState<Asked>();

  async function run<T>(work: () => Promise<T>): Promise<T | undefined> {
    setBusy(true);
    const result = await session.attempt(work);
    setBusy(false);
    view.refresh();
    return result;
  }
  const close = (): void => setAsked(undefined);
  async function discardHunk({ list, file, hunk }: DiscardingHunk): Promise<void> {
    close();
    const { since, tree, base } = list;
    const done = await run(() =>
      session.api.discardChange(chatId, {
        ...onePath(file),
        since,
        tree,
        hunks: [hunk.index],
        base: base.commit,
      }),
    );
    if (done) session.discards.add(chatId, { undo: done.undo, name: `${visibleName(file.path)}, ${placeText(hunk)}` });
  }
  const forget = (undo: string): void => session.discards.remove(chatId, undo);
  async function giveBack(undo: string): Promise<void> {
    const done = await run(async () => {
      try {
        return await session.api.undoDiscard(chatId, { undo });
      } catch (error) {
        // It cannot be given back any more.
        if (toBooError(error).details['reason'] === 'unknown_undo') forget(undo);
        throw error;
      }
    });
    if (done) forget(undo);
  }

  return {
    isBusy,
    stage(files, isStaged) {
      const paths = files.map(namedFile);
      void run(() =>
        isStaged ? session.api.stageChanges(chatId, { paths }) : session.api.unstageChanges(chatId, { paths }),
      );
    },
    discardFile: (file, diff) => setAsked({ file, diff, since: diff?.since ?? view.store.get().since }),
    discardHunk: setAsked,
    discards,
    giveBack: (undo) => void giveBack(undo),
    forget,
    dialogs: asked?.hunk ? (
      <Dialog title="Discard this change?" onClose={close}>
        <p>
          <bdi className="code">{visibleName(asked.file.path)}</bdi> becomes again what it was{' '}
          {whenText(asked.list.since)}, in these lines.
        </p>
        <Diff oldText={null} newText="" lines={linesOf(asked.hunk)} />
        <DiscardButtons isReady onCancel={close} onDiscard={() => void discardHunk(asked)} />
      </Dialog>
    ) : (
      asked && (
        <DiscardFileDialog
          {...{ chatId, ...asked }}
          onDone={(name, undo) => session.discards.add(chatId, { undo, name })}
          onTried={() => view.refresh()}
          onClose={close}
        />
      )
    ),
  };
}

/** The way back from what was discarded, however often the view was closed since. */
export function Discards({ changing }: { changing: Changing }) {
  if (changing.discards.length === 0) return null;
  return (
    <ul className="changes-discards" aria-label="Discarded">
      {changing.discards.map(({ undo, name }) => (
        <li key={undo} className="changes-foot">
          <span>
            Discarded: <bdi className="code">{name}</bdi>
          </span>
          <span className="actions">
            <button
              aria-label={`Undo: ${name}`}
              aria-disabled={changing.isBusy}
              onClick={() => !changing.isBusy && changing.giveBack(undo)}
            >
              Undo
            </button>
            <button
              className="icon-button"
              aria-label={`Keep it discarded: ${name}`}
              onClick={() => changing.forget(undo)}
            >
              <Icon name="close" />
            </button>
          </span>
        </li>
      ))}
    </ul>
  );
}

const placeText = ({ lines: [first] }: Hunk): string => `line ${first?.after ?? first?.before ?? 1}`;
