import { useCallback, useEffect, useMemo, useState } from 'react';
import { type Attempt, attemptsOf, bareAttempt, describeAttempt } from '../../../client/attempts.ts';
import type { Chat } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import { readableLine } from '../../text/readable.ts';
import { costText, durationText } from '../parts/format.ts';
import { Problem } from '../parts/problem.tsx';
import { chatHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { shownState } from '../parts/shown-state.ts';
import { useStore } from '../parts/use-store.ts';
import { KeepDialog } from './keep-dialog.tsx';
import { PageFrame } from './page-frame.tsx';
import './worktrees.css';

/** The attempts of a group, in the order of their numbers, as they are now; undefined until they are known. */
function useAttempts(group: string): { chats: Chat[] | undefined; problem: string | undefined; retry: () => void } {
  const session = useSession();
  const { byId } = useStore(session.chats.store);
  const [ids, setIds] = useState<readonly string[]>();
  const [problem, setProblem] = useState<string>();
  const load = useCallback((): void => {
    setProblem(undefined);
    // Older ones and archived ones are not in the list of chats.
    attemptsOf({ listChats: (...query) => session.chats.find(...query) }, group).then(
      (found) => setIds(found.map(({ id }) => id)),
      (error: unknown) => setProblem(toBooError(error).message),
    );
  }, [session, group]);
  useEffect(load, [load]);
  const chats = useMemo(() => {
    if (!ids) return undefined;
    const known = new Set(ids);
    return [...byId.values()]
      .filter((chat) => known.has(chat.id) || chat.group === group)
      .toSorted((one, other) => one.title.localeCompare(other.title));
  }, [byId, ids, group]);
  return { chats, problem, retry: load };
}

/** Attempts at one prompt, side by side. Loaded when it is opened. */
export default function AttemptsPage({ group }: { group: string }) {
  const { chats, problem, retry } = useAttempts(group);
  const [keptId, setKeptId] = useState<string>();
  const kept = chats?.find(({ id }) => id === keptId);
  return (
    <>
      <PageFrame title="Attempts">
        {problem !== undefined && (
          <div>
            <Problem text={`They could not be read. ${problem}`} />
            <button onClick={retry}>Try again</button>
          </div>
        )}
        {!chats && problem === undefined && <p role="status">Comparing the attempts …</p>}
        {chats?.length === 0 && <p className="quiet">There are no such attempts, or they were deleted.</p>}
        {chats && chats.length > 0 && (
          <ul className="attempts">
            {chats.map((chat) => (
              <AttemptCard key={chat.id} chat={chat} onKeep={() => setKeptId(chat.id)} />
            ))}
          </ul>
        )}
      </PageFrame>
      {chats && kept && <KeepDialog chat={kept} chats={chats} onClose={() => setKeptId(undefined)} />}
    </>
  );
}

const againAfterMs = 3_000;
const maxTries = 5;

const endWords: Readonly<Record<string, string>> = {
  completed: 'Done',
  interrupted: 'Interrupted',
  failed: 'Failed',
};

function AttemptCard({ chat, onKeep }: { chat: Chat; onKeep: () => void }) {
  const { api } = useSession();
  const [told, setTold] = useState<Attempt>();
  const [problem, setProblem] = useState<string>();
  const { state, words } = shownState(chat);
  const isAtWork = state === 'running' || state === 'waiting' || state === 'warming' || chat.waiting > 0;
  const path = chat.worktree?.path;
  const [asked, setAsked] = useState(0);
  // What it costs is told live; its changes and its end are looked at whenever it has begun or stopped to work.
  useEffect(() => {
    let isOld = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let tries = 0;
    const look = (): void => {
      describeAttempt(api, chat).then(
        (attempt) => {
          if (isOld) return;
          setTold(attempt);
          // A busy server may not have been able to tell in time.
          const isUnread = attempt.changes === null && path !== undefined;
          tries += 1;
          setProblem(isUnread && tries > maxTries ? 'The changes could not be read.' : undefined);
          if (isUnread && tries <= maxTries) timer = setTimeout(look, againAfterMs);
        },
        (error: unknown) => {
          if (isOld) return;
          setTold(bareAttempt(chat));
          setProblem(`Not all could be read. ${toBooError(error).message}`);
        },
      );
    };
    look();
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
    // Only what is read anew belongs here.
  }, [api, chat.id, isAtWork, path, asked]);

  const title = readableLine(chat.title, 100);
  const changes = path === undefined ? undefined : told?.changes;
  const unknown = path === undefined ? '–' : problem === undefined ? '…' : '?';
  const ended = !isAtWork && told ? (endWords[told.outcome ?? ''] ?? words) : words;
  const end = chat.archived ? `${ended}, archived` : ended;
  return (
    <li className="attempt" aria-label={title}>
      <h2 dir="auto">
        <a href={chatHref(chat.id)}>{title}</a>
      </h2>
      <dl>
        <Fact name="State" value={end} />
        <Fact name="Files" value={changes ? String(changes.files) : unknown} />
        <Fact
          name="Lines"
          value={!changes ? unknown : changes.added === null ? 'not counted' : `+${changes.added} −${changes.removed}`}
        />
        <Fact name="Cost" value={costText(chat.costUsd)} />
        <Fact
          name="Time"
          value={
            told?.seconds !== null && told?.seconds !== undefined
              ? durationText(told.seconds * 1000)
              : isAtWork || !told
                ? '…'
                : '?'
          }
        />
        <Fact name="Branch" value={readableLine(chat.worktree?.branch ?? 'none any more', 100)} />
      </dl>
      {problem !== undefined && (
        <div>
          <Problem text={problem} />
          <button aria-label={`Try again: ${title}`} onClick={() => setAsked(asked + 1)}>
            Try again
          </button>
        </div>
      )}
      <div className="actions">
        <a href={`${chatHref(chat.id)}/changes`} aria-label={`Changes of ${title}`}>
          Changes
        </a>
        {chat.worktree && (
          <button aria-label={`Keep this one: ${title}`} onClick={onKeep}>
            Keep this one
          </button>
        )}
      </div>
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </div>
  );
}
