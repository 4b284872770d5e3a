import { type FormEvent, type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import { countOf } from '../../../protocol/count-text.ts';
import { lineSums } from '../../../protocol/line-sums.ts';
import { onlyEditsText } from '../../../protocol/rewind-text.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { FilesRewind, KeptReason, RewindPart, RewindResult } from '../../../protocol/rewind.ts';
import { readableLine } from '../../text/readable.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';

/** Where to: before a prompt, or before files were rewound. */
export type RewindTo = { before: string } | { undo: string };

interface RewindDialogProps {
  chatId: string;
  to: RewindTo;
  /** A turn is running. */
  isBusy: boolean;
  onClose: () => void;
}

/** What a dry run says, or why that cannot be rewound. */
type Told = { result: RewindResult } | { problem: string };

const maxListed = 200;

/** Shows what a rewind would change, and does it. */
export default function RewindDialog({ chatId, to, isBusy, onClose }: RewindDialogProps) {
  const session = useSession();
  const { isBusy: isSending, problem, attempt } = useAttempt();
  const [files, setFiles] = useState<Told>();
  const [conversation, setConversation] = useState<Told>();
  const [chosen, choose] = useState<RewindPart>();
  const isUndo = 'undo' in to;

  const looks = useRef(0);
  const look = useCallback((): void => {
    const mine = (looks.current += 1);
    const ask = (what: RewindPart, set: (told: Told) => void): void => {
      const tell = (told: Told): void => {
        if (looks.current === mine) set(told);
      };
      session.api.rewind(chatId, { ...to, what, dryRun: true }).then(
        (result) => tell({ result }),
        (error: unknown) => tell({ problem: toBooError(error).message }),
      );
    };
    ask('files', setFiles);
    if (!isUndo) ask('conversation', setConversation);
  }, [session, chatId, to, isUndo]);
  useEffect(look, [look]);

  const plan = files && 'result' in files ? files.result.files : null;
  const chats = useStore(session.chats.store);
  const working = plan?.workingChats.map(({ chatId: id }) => `${id} ${chats.byId.get(id)?.state ?? ''}`).join() ?? '';
  useEffect(() => {
    if (working !== '') look();
  }, [look, working]);
  const forgets = conversation && 'result' in conversation ? conversation.result.promptIds.length : 0;
  const isOffered: Record<RewindPart, boolean> = {
    both: plan !== null && forgets > 0,
    conversation: forgets > 0,
    files: plan !== null,
  };
  const first = (['both', 'files', 'conversation'] as const).find((part) => isOffered[part]);
  const what: RewindPart | undefined = isUndo ? 'files' : chosen && isOffered[chosen] ? chosen : first;
  const isKnown = files !== undefined && (isUndo || conversation !== undefined);
  const changesFiles = what === 'files' || what === 'both';
  const isOccupied = changesFiles && plan !== null && plan.workingChats.length > 0;
  const isEmpty = what === 'files' && plan?.count === 0;

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!what) return;
    const tree = changesFiles && plan ? { tree: plan.tree } : {};
    const done = await attempt(() => session.api.rewind(chatId, { ...to, what, ...tree }));
    // Files may have changed since, and are looked at again.
    if (!done) return look();
    const late = done.files === null ? 0 : done.files.keptCount - (plan?.keptCount ?? 0);
    if (late > 0) session.showToast(`${countOf(late, 'file')} could not be rewound.`, { level: 'error' });
    onClose();
  };

  const label = (part: RewindPart, text: string, hint: ReactNode) => (
    <label>
      <input
        type="radio"
        name="what"
        checked={what === part}
        disabled={!isOffered[part]}
        onChange={() => choose(part)}
      />{' '}
      {text}
      <span className="quiet"> {hint}</span>
    </label>
  );
  return (
    <Dialog title={isUndo ? 'Undo the rewind of files' : 'Rewind to before this prompt'} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {!isUndo && (
          <fieldset className="rewind-parts" disabled={isSending}>
            <legend>Go back with</legend>
            {label('both', 'Conversation and files', null)}
            {label('conversation', 'Conversation', forgets > 0 && `the agent forgets ${countOf(forgets, 'prompt')}`)}
            {label('files', 'Files', plan && countOf(plan.count, 'file'))}
          </fieldset>
        )}
        {conversation && 'problem' in conversation && (
          <p className="quiet">The conversation cannot go back: {readableLine(conversation.problem, 500)}</p>
        )}
        {files && 'problem' in files && (
          <p className="quiet">Files cannot go back: {readableLine(files.problem, 500)}</p>
        )}
        {changesFiles && plan && <Plan plan={plan} onLook={look} />}
        {!isKnown && <p role="status">Looking at what would change …</p>}
        {isBusy && <p className="notice notice-warning">A turn is running: wait for its end, or interrupt it.</p>}
        <Problem text={problem} />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button className="primary" disabled={!isKnown || !what || isBusy || isSending || isOccupied || isEmpty}>
            {isSending ? 'Rewinding …' : isUndo ? 'Undo' : 'Rewind'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const does = { added: 'comes back', deleted: 'is removed', modified: '', renamed: '', type_changed: '' };

const reasons: Readonly<Record<KeptReason, string>> = {
  too_large: 'too large to be recorded',
  unreadable: 'cannot be read',
  submodule: 'in a submodule',
  filtered: 'made by a filter such as Git LFS',
  ignored: 'ignored by git',
  older: 'was there before, but ignored',
  outside: 'outside of the sparse checkout',
  elsewhere: 'not in this directory, or in a git directory',
  no_backup: 'its backup is missing or another one by now, or it was too large for one',
  in_the_way: 'something is in its place',
  changed: 'changed meanwhile',
  failed: 'could not be written',
};

function Plan({ plan, onLook }: { plan: FilesRewind; onLook: () => void }) {
  const { files, count, kept, keptCount, commits, workingChats, covers } = plan;
  const since = new Set(plan.writtenSince);
  const sums = lineSums(files);
  const lines = sums ? `+${sums.added} −${sums.removed}` : 'lines not counted';
  return (
    <section aria-label="What would change">
      <p>
        <strong>{count === 0 ? 'No file would change.' : `${countOf(count, 'file')}, ${lines}`}</strong>
      </p>
      {count > 0 && (
        <ul className="rewind-files" tabIndex={0} aria-label="Files that would change">
          {files.slice(0, maxListed).map((file) => (
            <li key={file.pathBytes ?? file.path}>
              <bdi>{readableLine(file.oldPath ? `${file.oldPath} → ${file.path}` : file.path, 1000)}</bdi>
              <span className="quiet">
                {' '}
                {file.isBinary
                  ? 'binary'
                  : file.added === null
                    ? 'not counted'
                    : `+${file.added} −${file.removed}`}{' '}
                {does[file.status]}
                {since.has(file.path) && ' (written after the last turn)'}
              </span>
            </li>
          ))}
          {count > maxListed && <li>and {countOf(count - Math.min(maxListed, files.length), 'more file')}</li>}
        </ul>
      )}
      {keptCount > 0 && (
        <details>
          <summary>{countOf(keptCount, 'file')} will stay as they are</summary>
          <ul className="rewind-files">
            {kept.slice(0, maxListed).map((file) => (
              <li key={file.pathBytes ?? file.path}>
                <bdi>{readableLine(file.path, 1000)}</bdi> <span className="quiet">{reasons[file.reason]}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {commits === null && <p>Another history is checked out by now, and stays.</p>}
      {commits !== null && commits > 0 && <p>{countOf(commits, 'commit')} made since will stay.</p>}
      {workingChats.map(({ chatId, title }) => (
        <p key={chatId} className="notice notice-warning">
          “{readableLine(title, 100)}” is working in these files right now. Wait for its turn to end, or interrupt it.
        </p>
      ))}
      {workingChats.length > 0 && (
        <p>
          <button type="button" onClick={onLook}>
            Look again
          </button>
        </p>
      )}
      <p className="quiet">
        {covers === 'edits'
          ? onlyEditsText
          : 'Whoever changed them and by whichever tool. Files that git ignores stay as they are.'}{' '}
        It can be undone.
      </p>
    </section>
  );
}
