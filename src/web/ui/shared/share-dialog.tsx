import { type FormEvent, useCallback, useEffect, useId, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import type { Chat } from '../../../protocol/chat.ts';
import type { Person } from '../../../protocol/people.ts';
import type { ShareLink } from '../../../protocol/share-link.ts';
import type { ChatSharing, ShareAccess } from '../../../protocol/sharing.ts';
import { readableLine } from '../../text/readable.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { Sure } from '../people/sure.tsx';
import '../people/people.css';
import { ShareLinks } from './share-links.tsx';

interface Found {
  sharing: ChatSharing;
  links: ShareLink[];
  people: Person[];
}

type Act = (work: () => Promise<unknown>) => Promise<boolean>;

/** Who sees a chat: people, everybody here, and whoever has a link. Loaded when it is opened. */
export default function ShareDialog({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const { api } = useSession();
  const { attempt, isBusy, problem } = useAttempt();
  const [found, setFound] = useState<Found>();
  const [unread, setUnread] = useState<string>();
  const read = useCallback(async (): Promise<void> => {
    try {
      const sharing = await api.getSharing(chat.id);
      const isOwn = sharing.yours === 'own';
      const [{ items: links }, people] = await Promise.all([
        isOwn ? api.listShareLinks(chat.id) : { items: [] },
        isOwn ? api.listPeople().catch(() => []) : [],
      ]);
      setFound({ sharing, links, people });
      setUnread(undefined);
    } catch (error) {
      setUnread(`This could not be read. ${toBooError(error).message}`);
    }
  }, [api, chat.id]);
  useEffect(() => void read(), [read]);
  const act: Act = async (work) => {
    const isDone = (await attempt(async () => (await work(), true))) ?? false;
    await read();
    return isDone;
  };

  return (
    <Dialog title="Share this chat" onClose={onClose}>
      <div className="people">
        <Problem text={problem ?? unread} />
        {!found && unread === undefined && <p role="status">Loading …</p>}
        {found && <WithPeople chatId={chat.id} found={found} isBusy={isBusy} act={act} />}
        {found?.sharing.yours === 'own' && (
          <ShareLinks chatId={chat.id} items={found.links} isBusy={isBusy} onChanged={() => void read()} act={act} />
        )}
      </div>
    </Dialog>
  );
}

const accessWords: Record<ShareAccess, string> = { reader: 'reads', participant: 'takes part' };

function WithPeople({
  chatId,
  found: { sharing, people },
  isBusy,
  act,
}: {
  chatId: string;
  found: Found;
  isBusy: boolean;
  act: Act;
}) {
  const { api } = useSession();
  const id = useId();
  const [person, setPerson] = useState('');
  const [access, setAccess] = useState<ShareAccess>('reader');
  const { owner, visibility, items, yours } = sharing;
  const isOwn = yours === 'own';
  const whose = owner.id === 'owner' ? 'the server’s owner' : readableLine(owner.name, 64);
  const others = people.filter((each) => each.id !== 'owner' && each.id !== owner.id);
  const share = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (await act(() => api.shareChat(chatId, { person: person.trim(), access }))) setPerson('');
  };
  return (
    <section aria-label="People">
      <p className="quiet">It belongs to {whose}.</p>
      {isOwn ? (
        <p>
          <label>
            <input
              type="checkbox"
              checked={visibility === 'team'}
              disabled={isBusy}
              onChange={(event) => {
                const wanted = event.target.checked ? 'team' : 'private';
                void act(() => api.setVisibility(chatId, wanted));
              }}
            />{' '}
            Everybody with an account here sees it
          </label>
        </p>
      ) : (
        visibility === 'team' && <p>Everybody with an account here sees it.</p>
      )}
      {items.length > 0 && (
        <ul className="people-list">
          {items.map(({ person: { id: personId, name }, access: given }) => (
            <li key={personId}>
              <div>
                <strong>{readableLine(name, 64)}</strong> {!isOwn && accessWords[given]}
              </div>
              {isOwn && (
                <>
                  <select
                    aria-label={`What ${readableLine(name, 64)} may do`}
                    value={given}
                    disabled={isBusy}
                    onChange={(event) => {
                      const wanted = event.target.value as ShareAccess;
                      void act(() => api.shareChat(chatId, { person: personId, access: wanted }));
                    }}
                  >
                    <AccessOptions />
                  </select>
                  <Sure
                    action="Remove"
                    of={readableLine(name, 64)}
                    isBusy={isBusy}
                    onSure={() => void act(() => api.unshareChat(chatId, personId))}
                  />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {isOwn && (others.length > 0 || items.length > 0) && (
        <form className="people-form" onSubmit={(event) => void share(event)}>
          <label>
            Share with
            <input
              value={person}
              list={id}
              maxLength={200}
              autoComplete="off"
              onChange={(event) => setPerson(event.target.value)}
            />
            <datalist id={id}>
              {others.map(({ id: personId, name }) => (
                <option key={personId} value={name} />
              ))}
            </datalist>
          </label>
          <label>
            Who then
            <select value={access} onChange={(event) => setAccess(event.target.value as ShareAccess)}>
              <AccessOptions />
            </select>
          </label>
          <button disabled={isBusy || person.trim() === ''}>Share</button>
        </form>
      )}
    </section>
  );
}

function AccessOptions() {
  return Object.entries(accessWords).map(([value, words]) => (
    <option key={value} value={value}>
      {words}
    </option>
  ));
}
