import type { ContentBlock } from '../../../protocol/content.ts';
import type { ChatView } from '../../state/open-chat.ts';
import { isUnsent, type Outgoing } from '../../state/outbox.ts';
import { useStore } from '../parts/use-store.ts';
import { readableLine } from '../../text/readable.ts';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';

function brief(content: readonly ContentBlock[] | undefined): string {
  const text = content?.map((block) => (block.type === 'text' ? block.text : '[image]')).join(' ') ?? '…';
  return readableLine(text, 140);
}

/** The prompts of this page that are not in the chat's log yet. */
export function useOutgoing(chatId: string, { log, state }: ChatView): Outgoing[] {
  const isOpen = state !== 'gone' && state !== 'failed';
  return useStore(useSession().outbox.store).filter((each) => {
    if (each.chatId !== chatId || log.prompts.has(each.promptId)) return false;
    return isUnsent(each) || (isOpen && each.seq !== undefined && each.seq > log.last);
  });
}

/** Queued prompts, and those still on their way. */
export function Queue({ chatId, view }: { chatId: string; view: ChatView }) {
  const session = useSession();
  const outgoing = useOutgoing(chatId, view);
  const { log } = view;
  const { waiting } = log;
  if (waiting.length === 0 && outgoing.length === 0) return null;
  const move = (promptId: string, before: string | null): void =>
    void session.attempt(() => session.api.movePrompt(chatId, promptId, before));
  return (
    <section className="queue" aria-label="Queued prompts">
      <ol>
        {waiting.map((promptId, index) => {
          const text = brief(log.prompts.get(promptId));
          return (
            <li key={promptId}>
              <span className="queue-text">
                <span className="quiet">{index === 0 ? 'Next' : 'Then'}</span> <bdi>{text}</bdi>
              </span>
              {index > 0 && (
                <button
                  className="icon-button"
                  aria-label={`Move up: ${text}`}
                  onClick={() => move(promptId, waiting[index - 1] ?? null)}
                >
                  <Icon name="up" />
                </button>
              )}
              {index < waiting.length - 1 && (
                <button
                  className="icon-button"
                  aria-label={`Move down: ${text}`}
                  onClick={() => move(promptId, waiting[index + 2] ?? null)}
                >
                  <Icon name="down" />
                </button>
              )}
              <button
                className="icon-button"
                aria-label={`Cancel: ${text}`}
                onClick={() => void session.attempt(() => session.api.cancelPrompt(chatId, promptId))}
              >
                <Icon name="close" />
              </button>
            </li>
          );
        })}
        {outgoing.map((each) => (
          <OutgoingRow key={each.promptId} outgoing={each} />
        ))}
      </ol>
    </section>
  );
}

const outgoingWords = { sending: 'Sending', stored: 'Sending', waiting: 'Not sent yet', refused: 'Not sent' };

function OutgoingRow({ outgoing }: { outgoing: Outgoing }) {
  const { outbox } = useSession();
  const { promptId, content, state, problem, isKept } = outgoing;
  const text = brief(content);
  const isOnItsWay = state === 'sending' || state === 'stored';
  return (
    <li className={isOnItsWay ? '' : 'is-failed'}>
      <span className="queue-text">
        <span className="quiet">{outgoingWords[state]}</span> <bdi>{text}</bdi>
        {problem !== undefined && <span className="problem"> {problem}</span>}
        {!isOnItsWay && !isKept && (
          <span className="problem"> It is too large to be stored: closing or reloading this page loses it.</span>
        )}
      </span>
      {!isOnItsWay && (
        <>
          <button onClick={() => outbox.retry(promptId)}>Send again</button>
          <button className="icon-button" aria-label={`Drop: ${text}`} onClick={() => outbox.drop(promptId)}>
            <Icon name="close" />
          </button>
        </>
      )}
    </li>
  );
}
