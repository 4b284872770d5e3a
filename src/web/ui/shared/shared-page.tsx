import { type ReactNode, useEffect, useState } from 'react';
import { baseUrl } from '../../state/base-url.ts';
import { callState } from '../../state/call-state.ts';
import type { ChatLog, Item } from '../../state/chat-log.ts';
import { openShared, type SharedView } from '../../state/shared-chat.ts';
import { readableLine } from '../../text/readable.ts';
import { ItemView } from '../chat/item-view.tsx';
import { isAgentTool, ToolCard } from '../chat/tool-card.tsx';
import { Transcript } from '../chat/transcript.tsx';
import { Logo } from '../parts/icon.tsx';
import './shared.css';

/** A chat by a link, for somebody without an account: to read, and nothing else. */
export default function SharedPage() {
  const secret = new URLSearchParams(location.hash.slice(1)).get('share') ?? '';
  const [view, setView] = useState<SharedView>();
  useEffect(() => openShared(baseUrl(), secret, setView), [secret]);
  const title = view?.chat?.title ?? 'A shared chat';
  useEffect(() => {
    document.title = `${readableLine(title, 60)} · BooCode`;
  }, [title]);

  if (!view || view.state === 'loading') return <p className="quiet-page">Loading the chat …</p>;
  if (view.state === 'over') {
    return (
      <main className="quiet-page">
        <p>This link shows nothing any more: it has expired or was revoked, or it is not complete.</p>
        <p>Ask whoever gave it to you for another one.</p>
      </main>
    );
  }
  const { log, chat } = view;
  return (
    <main className="shared-page">
      <header className="shared-head">
        <h1>
          <Logo /> <bdi>{readableLine(title, 200)}</bdi>
        </h1>
        <p className="quiet">
          Shared with you to read
          {chat && `, until ${new Date(chat.expiresAt).toLocaleString()}`}
          {view.state === 'whole' && '. The chat may have gone on since.'}
          <span role="status">{view.state === 'away' && '. The server cannot be reached: trying again.'}</span>
        </p>
      </header>
      <Transcript
        view={{ log, state: 'live', wasReset: false, isLoadingOlder: false, olderError: undefined }}
        onLoadOlder={() => undefined}
        drawItem={drawItem}
      />
      {log.items.length === 0 && <p className="quiet">Nothing was said yet.</p>}
    </main>
  );
}

const turnWords = { completed: 'Done', interrupted: 'Interrupted', failed: 'Failed' };

/** As in a chat, without what only its people can do or know. */
function drawItem(item: Item, log: ChatLog, isAlive = false): ReactNode {
  switch (item.kind) {
    case 'prompt': {
      const { key, seq, promptId } = item;
      return <ItemView item={{ key, seq, kind: 'user', content: log.prompts.get(promptId) ?? [] }} log={log} />;
    }
    case 'tool': {
      const { toolCallId, toolName } = item.call;
      return (
        <ToolCard
          item={item}
          result={log.results.get(toolCallId)}
          isTurnOpen={callState(log, item.call).isTurnOpen || isAlive}
          isAsking={false}
          isInBackground={false}
          log={isAgentTool(toolName) ? log : undefined}
          drawItem={drawItem}
        />
      );
    }
    case 'turn':
      return (
        <div className={`turn-line turn-${item.finished.outcome}`}>
          <p>
            <strong>{turnWords[item.finished.outcome]}</strong>
          </p>
        </div>
      );
    case 'user':
    case 'incoming':
    case 'message':
    case 'thought':
    case 'notice':
      return <ItemView item={item} log={log} />;
    default:
      return null;
  }
}
