import { Fragment, useEffect } from 'react';
import type { ChangedBy } from '../../../client/client.ts';
import type { BooError } from '../../../protocol/error.ts';
import { readableLine } from '../../text/readable.ts';
import { whoParts } from '../../text/who-words.ts';
import { chatHref } from '../parts/route.ts';
import { useLiveState } from '../parts/use-live-state.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';

/** A sentence about the chosen file, whose place is kept until it is known. */
export function WhoChangedLine({
  chatId,
  by,
  problem,
}: {
  chatId: string;
  by: ChangedBy | undefined;
  problem: BooError | undefined;
}) {
  if (!by) return <p className="changes-who">{problem && 'Who changed it could not be read.'}</p>;
  return (
    <p className="changes-who" title={by.people ? 'A person or another program: no turn ran here then.' : undefined}>
      {whoParts(by).map((part, at) => (
        <Fragment key={at}>
          {'text' in part ? part.text : part.chatId === chatId ? 'this chat' : <OtherChat chatId={part.chatId} />}
        </Fragment>
      ))}
    </p>
  );
}

/** A link, if it is a chat of this server. */
function OtherChat({ chatId }: { chatId: string }) {
  const { api, chats } = useSession();
  const chat = useStore(chats.store).byId.get(chatId);
  const isOffline = useLiveState() === 'offline';
  useEffect(() => {
    if (chat || isOffline) return;
    api.getChat(chatId).then(
      (found) => chats.put(found),
      () => undefined,
    );
  }, [api, chats, chatId, chat === undefined, isOffline]);
  if (!chat) return 'another chat';
  return (
    <a href={chatHref(chatId)}>
      <bdi>{readableLine(chat.title, 60)}</bdi>
    </a>
  );
}
