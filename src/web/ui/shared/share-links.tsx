import { type FormEvent, useId, useState } from 'react';
import type { ShareLink } from '../../../protocol/share-link.ts';
import { whenText } from '../parts/format.ts';
import { useSession } from '../parts/session-context.ts';
import { ShownOnce } from '../people/shown-once.tsx';
import { Sure } from '../people/sure.tsx';

const terms = [
  ['a day', 1],
  ['a week', 7],
  ['30 days', 30],
  ['a year', 365],
] as const;

interface ShareLinksProps {
  chatId: string;
  items: readonly ShareLink[];
  isBusy: boolean;
  act: (work: () => Promise<unknown>) => Promise<boolean>;
  onChanged: () => void;
}

/** The links by which anybody reads the chat. */
export function ShareLinks({ chatId, items, isBusy, act, onChanged }: ShareLinksProps) {
  const { api } = useSession();
  const id = useId();
  const [days, setDays] = useState(7);
  const [goesOn, setGoesOn] = useState(true);
  const [url, setUrl] = useState<string>();
  const make = (event: FormEvent): void => {
    event.preventDefault();
    void act(async () => {
      const { head } = await api.getChat(chatId);
      const until = goesOn || head === 0 ? {} : { until: head };
      setUrl((await api.createShareLink(chatId, { expiresInSeconds: days * 86_400, ...until })).url);
      onChanged();
    });
  };
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>Links</h2>
      <p className="quiet">
        Whoever has a link reads this chat without an account: all that was said, and the commands, results and parts of
        files in it. They can do nothing.
      </p>
      {items.length > 0 && (
        <ul className="people-list">
          {items.map((link) => (
            <li key={link.id}>
              <div>
                {link.until === null ? 'The chat as it goes on' : `Up to event ${link.until}`}
                <p className="quiet">
                  {link.lastUsedAt === null
                    ? `made ${whenText(link.createdAt)}, not opened yet`
                    : `last opened ${whenText(link.lastUsedAt)}`}{' '}
                  · ends {new Date(link.expiresAt).toLocaleDateString()}
                </p>
              </div>
              <Sure
                action="Revoke"
                of={`the link made ${whenText(link.createdAt)}`}
                isBusy={isBusy}
                onSure={() => void act(() => api.revokeShareLink(chatId, link.id))}
              />
            </li>
          ))}
        </ul>
      )}
      {url === undefined ? (
        <form className="people-form" onSubmit={make}>
          <label>
            Shows
            <select value={String(goesOn)} onChange={(event) => setGoesOn(event.target.value === 'true')}>
              <option value="true">the chat as it goes on</option>
              <option value="false">what is there now</option>
            </select>
          </label>
          <label>
            Valid for
            <select value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {terms.map(([words, count]) => (
                <option key={words} value={count}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <button disabled={isBusy}>Make a link</button>
        </form>
      ) : (
        <ShownOnce label="The link" text={url} onDone={() => setUrl(undefined)} />
      )}
    </section>
  );
}
