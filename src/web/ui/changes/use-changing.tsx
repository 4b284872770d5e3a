import { type ReactNode, useState } from 'react';
import type { ChangedFile, ChangeList, NamedFile } from '../../../client/client.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { ChangesView } from '../../state/changes-view.ts';
import { type Discarded, noDiscards } from '../../state/discards.ts';
import { statusWords, visibleName } from '../../text/changes-words.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Diff } from '../parts/diff.tsx';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';

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
  /** One of its hunks; undefined for the whole file. */
  hunk: Hunk | undefined;
}

export interface Changing {
  isBusy: boolean;
  stage(files: readonly ChangedFile[], isStaged: boolean): void;
  /** Asks first. */
  discard(discarding: Discarding): void;
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
  const [asked, setAsked] = useState<Discarding>();

  async function run<T>(work: () => Promise<T>): Promise<T | undefined> {
    setBusy(true);
    const result = await session.attempt(work);
    setBusy(false);
    view.refresh();
    return result;
  }
  const close = (): void => setAsked(undefined);
  async function discard({ list, file, hunk }: Discarding): Promise<void> {
    close();
    const { since, tree, base } = list;
    const done = await run(() =>
      session.api.discardChange(chatId, {
        ...namedFile({ ...file, oldPath: undefined, oldPathBytes: undefined }),
        since,
        tree,
        ...(hunk && { hunks: [hunk.index], base: base.commit }),
      }),
    );
    if (!done) return;
    const name = visibleName(file.path);
    session.discards.add(chatId, { undo: done.undo, name: hunk ? `${name}, ${placeText(hunk)}` : name });
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
    discard: setAsked,
    discards,
    giveBack: (undo) => void giveBack(undo),
    forget,
    dialogs: asked && (
      <Dialog title={asked.hunk ? 'Discard this change?' : 'Discard this file’s changes?'} onClose={close}>
        <p>
          <bdi className="code">{visibleName(asked.file.path)}</bdi> {outcomeText(asked)}
        </p>
        {asked.hunk && <Diff oldText={null} newText="" lines={linesOf(asked.hunk)} />}
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

const linesOf = ({ lines }: Hunk) =>
  lines.map(({ kind, text, before, after }) => ({ kind, text, number: after ?? before ?? 0 }));

function outcomeText({ list, file, hunk }: Discarding): string {
  const when =
    list.since === 'head'
      ? 'in the last commit'
      : list.since === 'start'
        ? 'at the chat’s start'
        : 'at that turn’s start';
  if (hunk) return `becomes again what it was ${when}, in these lines.`;
  if (file.status === 'added') return 'is removed.';
  if (file.status === 'deleted') return 'is brought back.';
  return `is ${statusWords[file.status]}, and becomes again what it was ${when}.`;
}
