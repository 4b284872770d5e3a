/** What has changed in the chat's repository, next to its conversation. Loaded when it is first opened. */
import './changes.css';
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ChangedFile } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import type { ChatLog } from '../../state/chat-log.ts';
import { type ChangesState, isDiffOfList, shownChange } from '../../state/changes-view.ts';
import { openSeenFiles } from '../../state/seen-files.ts';
import { whoChanged } from '../../state/who-changed.ts';
import { ignoredFolderKey, ignoredKey, ignoredRows } from '../../text/ignored-rows.ts';
import { fileKey, type IgnoredFile, type TreeRow, treeRows } from '../../text/tree-rows.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { whoOf } from '../../text/who-words.ts';
import { usePending } from '../decisions/inbox.tsx';
import { focusPrompt } from '../parts/focus-prompt.ts';
import { Icon } from '../parts/icon.tsx';
import { useKeptFocus } from '../parts/use-kept-focus.ts';
import { useStore } from '../parts/use-store.ts';
import { ChangesKeys } from './changes-keys.tsx';
import type { ChangesCount } from './changes-count.ts';
import { ChangesProblem, LeftOut, WaitsForPerson } from './changes-notes.tsx';
import { ChangesTools } from './changes-tools.tsx';
import { ChosenFile, ChosenIgnored } from './chosen-file.tsx';
import { CommitDialog } from './commit-dialog.tsx';
import { CommitBar, DiscardHunk, FileActions } from './changing-buttons.tsx';
import { FileTree } from './file-tree.tsx';
import { type OpenedChanges, useChangesView } from './use-changes-view.ts';
import { Discards, useChanging } from './use-changing.tsx';
import { usePreferences } from './use-preferences.ts';
import { useRoom } from './use-room.ts';
import { useCommentCounts, useWriting } from './use-writing.tsx';
import { WhoChangedLine } from './who-changed.tsx';

export interface ChangesPanelProps {
  chatId: string;
  log: ChatLog;
  onCount: (count: ChangesCount) => void;
  onClose: () => void;
}

export default function ChangesPanel(props: ChangesPanelProps) {
  const { chatId, log } = props;
  const [preferences, prefer] = usePreferences();
  const turnId = log.openTurn ?? log.latest.ended?.turnId;
  const against = preferences.against === 'turn' && turnId === undefined ? 'start' : preferences.against;
  const since = against === 'turn' ? (`turn:${turnId}` as const) : against;
  const opened = useChangesView(chatId, { since, isWithIgnored: preferences.showsIgnored }, log);
  if (!opened) return null;
  return <Opened {...props} {...opened} {...{ preferences, prefer, against }} hasTurn={turnId !== undefined} />;
}

type OpenedProps = ChangesPanelProps &
  OpenedChanges & {
    preferences: ReturnType<typeof usePreferences>[0];
    prefer: ReturnType<typeof usePreferences>[1];
    against: 'start' | 'turn' | 'head';
    hasTurn: boolean;
  };

function Opened({ chatId, log, view, who, preferences, prefer, against, hasTurn, onCount, onClose }: OpenedProps) {
  const state: ChangesState = useStore(view.store);
  const { list, chosen, problem } = state;
  const panel = useRef<HTMLElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const room = useRoom(panel);
  const isNarrow = room === 'narrow';
  const [isAlone, setAlone] = useState(false);
  const [showsKeys, setShowsKeys] = useState(false);
  const [active, setActive] = useState<string>();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const step = useRef<(by: 1 | -1) => boolean>(undefined);
  const focusDiff = (): void => scroller.current?.focus({ preventScroll: true });
  const writing = useWriting(chatId, focusDiff);
  const changing = useChanging(chatId, view);
  // What is staged or discarded takes its button with it.
  useKeptFocus(
    panel,
    useCallback(() => scroller.current ?? panel.current, []),
  );
  const waiting = usePending(chatId).length;
  const [isCommitting, setCommitting] = useState(false);
  const [message, setMessage] = useState('');
  const share = (): void => setAlone(false);
  const write = (): void => {
    writing.finish();
    goPrompt(onClose, share);
  };

  const files = list?.files;
  const ignored = state.isWithIgnored ? list?.ignored : undefined;
  const rows = useMemo(() => allRows(files, ignored?.files, closed), [files, ignored, closed]);
  const inOrder = useMemo(
    () => treeRows(files ?? [], new Set()).flatMap((row) => (row.kind === 'file' ? [row.file] : [])),
    [files],
  );
  const order = useMemo(
    () => allRows(files, ignored?.files, new Set()).filter(({ kind }) => kind !== 'folder'),
    [files, ignored],
  );
  const whoState = useStore(who.store);
  const changers = whoChanged(whoState, list);
  const words = useMemo(() => new Map([...changers].map(([key, by]) => [key, whoOf(by, chatId)])), [changers, chatId]);
  const seenFiles = useMemo(() => openSeenFiles(localStorage, chatId), [chatId]);
  const marks = useStore(seenFiles.store);
  const seen = useMemo(() => new Set(inOrder.filter((file) => seenFiles.has(file)).map(fileKey)), [inOrder, marks]);
  const byPath = useCommentCounts(writing.comments);
  const counts = useMemo(
    () => new Map(inOrder.flatMap((file) => (byPath.has(file.path) ? [[fileKey(file), byPath.get(file.path)!]] : []))),
    [inOrder, byPath],
  );

  const count = list?.count;
  useEffect(() => {
    if (count !== undefined) onCount({ count, of: log.results });
  }, [count, log.results, onCount]);
  // Whoever opens this reads it; whoever closes it writes.
  useEffect(() => {
    panel.current?.focus({ preventScroll: true });
    return () => void requestAnimationFrame(focusPrompt);
  }, []);
  const choose = (key: string | undefined): void => {
    view.choose(key);
    if (key !== undefined) setActive(key);
  };
  useEffect(() => {
    if (room !== undefined && !isNarrow && chosen === undefined && inOrder[0]) choose(fileKey(inOrder[0]));
  }, [room, isNarrow, chosen, inOrder]);

  const goFile = (by: 1 | -1): void => {
    const at = order.findIndex(({ key }) => key === chosen);
    const next = at === -1 ? order[0] : order[at + by];
    if (!next) return;
    choose(next.key);
    const path = next.kind === 'file' ? next.file.path : ignoredFolderKey;
    setClosed((before) => new Set([...before].filter((folder) => !path.startsWith(folder))));
  };
  const file = inOrder.find((each) => fileKey(each) === chosen);
  const hidden = ignored?.files.find((each) => ignoredKey(each) === chosen);
  const showIgnored = (showsIgnored: boolean): void => {
    if (!showsIgnored && hidden) choose(undefined);
    prefer({ showsIgnored });
  };
  const keys: Record<string, () => void> = {
    n: () => goFile(1),
    p: () => goFile(-1),
    j: () => step.current?.(1) || goFile(1),
    k: () => step.current?.(-1) || goFile(-1),
    s() {
      if (!file) return;
      seenFiles.mark(file, !seen.has(fileKey(file)));
      if (!seen.has(fileKey(file))) goFile(1);
    },
    u: () => prefer({ isSplit: !preferences.isSplit }),
    w: () => prefer({ hidesBlanks: !preferences.hidesBlanks }),
    i: () => showIgnored(!preferences.showsIgnored),
    e: () => setAlone(!isAlone),
    '?': () => setShowsKeys(true),
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const isWriting =
      (event.target as Element).closest('input:not([type=checkbox]), textarea, select, dialog') !== null;
    const run = isWriting || event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  const isFileShown = file !== undefined || hidden !== undefined;
  const showsList = !isNarrow || !isFileShown;

  const reading = {
    state,
    isSplit: preferences.isSplit && !isNarrow,
    hidesBlanks: preferences.hidesBlanks,
    writing,
    scroller,
    step,
    onGo: goFile,
    onRetry: () => view.refresh(),
  };

  return (
    <aside
      ref={panel}
      className={`changes-panel is-${room ?? 'narrow'}${isAlone ? ' is-alone' : ''}`}
      aria-label="Changes"
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      <header className="page-head">
        {isNarrow && isFileShown && (
          <button className="icon-button" aria-label="Back to the files" onClick={() => choose(undefined)}>
            <Icon name="back" />
          </button>
        )}
        <h2>
          Changes{' '}
          <span className="changes-total" role="status">
            {list && `${countOf(list.count, 'file')}${seen.size > 0 ? `, ${seen.size} seen` : ''}`}
          </span>
        </h2>
        <button
          className="icon-button"
          aria-label="Keys of the changes"
          title="Keys (?)"
          onClick={() => setShowsKeys(true)}
        >
          ?
        </button>
        {!isNarrow && (
          <button
            className={`icon-button changes-alone ${isAlone ? 'is-here' : ''}`}
            aria-label="Hide the conversation"
            aria-pressed={isAlone}
            title="Hide the conversation (e)"
            onClick={() => setAlone(!isAlone)}
          >
            <Icon name="wide" />
          </button>
        )}
        <button className="icon-button" aria-label="Close the changes" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {waiting > 0 && <WaitsForPerson onShow={() => (isAloneOnPage() ? onClose() : share())} />}
      <ChangesTools
        against={against}
        hasTurn={hasTurn}
        preferences={preferences}
        canSplit={!isNarrow}
        isReading={state.isReading && !list}
        onPrefer={prefer}
        onIgnored={showIgnored}
      />
      {problem && <ChangesProblem problem={problem} hasList={list !== undefined} onRetry={() => view.refresh()} />}
      {list && (
        <div className="changes-body">
          <div className="changes-list" hidden={!showsList}>
            {list.files.length === 0 && <p className="changes-empty">Nothing has changed.</p>}
            {rows.length > 0 && (
              <FileTree
                rows={rows}
                active={active}
                chosen={chosen}
                room={room}
                seen={seen}
                comments={counts}
                who={words}
                choosesActive={!isNarrow}
                onActive={setActive}
                onChoose={choose}
                onFold={(key, isOpen) => {
                  const next = new Set(closed);
                  if (isOpen) next.delete(key);
                  else next.add(key);
                  setClosed(next);
                }}
              />
            )}
            <LeftOut list={list} ignored={ignored} />
          </div>
          {hidden && <ChosenIgnored key={chosen} ignored={hidden} {...reading} />}
          {(!isNarrow || file) && !hidden && chosen !== undefined && (
            <ChosenFile
              key={chosen}
              file={file}
              {...reading}
              isSeen={seen.has(chosen)}
              onSeen={(isSeen) => file && seenFiles.mark(file, isSeen)}
              who={<WhoChangedLine chatId={chatId} by={changers.get(chosen)} problem={whoState.problem} />}
              {...(file && {
                actions: <FileActions file={file} diff={shownChange(state, file)} changing={changing} />,
              })}
              {...(file &&
                isDiffOfList(state, file) && {
                  hunkActions: (hunk: Hunk) => <DiscardHunk {...{ list, file, hunk, changing }} />,
                })}
            />
          )}
        </div>
      )}
      <Discards changing={changing} />
      {list && list.since === 'head' && list.count > 0 && showsList && (
        <CommitBar list={list} changing={changing} onCommit={() => setCommitting(true)} />
      )}
      {writing.comments.length > 0 && (
        <footer className="changes-foot">
          <span>{countOf(writing.count, 'comment')} for your next prompt</span>
          <button className="primary" onClick={write}>
            Write the prompt
          </button>
        </footer>
      )}
      {changing.dialogs}
      {isCommitting && list && (
        <CommitDialog
          {...{ chatId, list, message }}
          onMessage={setMessage}
          onAsk={() => {
            setCommitting(false);
            write();
          }}
          onClose={() => setCommitting(false)}
          onDone={(isOpen) => {
            if (isOpen) setCommitting(false);
            setMessage('');
            view.refresh();
          }}
        />
      )}
      {showsKeys && <ChangesKeys onClose={() => setShowsKeys(false)} />}
    </aside>
  );
}

function allRows(
  files: readonly ChangedFile[] = [],
  ignored: readonly IgnoredFile[] = [],
  closed: ReadonlySet<string>,
): TreeRow[] {
  if (ignored.length === 0) return treeRows(files, closed);
  const rows = treeRows(files, closed, 1);
  const of = rows[0]?.place.of ?? 1;
  return [...rows, ...ignoredRows(ignored, closed, { at: of, of })];
}

/** Whether the conversation has no room beside this view. */
const isAloneOnPage = (): boolean => matchMedia('(max-width: 1100px)').matches;

/** To the prompt field, which may be hidden by this view. */
function goPrompt(onClose: () => void, onShare: () => void): void {
  const focus = (): void => {
    const find = (): void => document.querySelector<HTMLElement>('textarea.prompt')?.focus();
    requestAnimationFrame(() => requestAnimationFrame(find));
  };
  onShare();
  if (!isAloneOnPage()) return focus();
  addEventListener('hashchange', focus, { once: true });
  onClose();
}
