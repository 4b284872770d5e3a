import { useEffect, useRef, useState } from 'react';
import type { Chat, PermissionMode } from '../../../protocol/chat.ts';
import type { ContentBlock } from '../../../protocol/content.ts';
import { engineText } from '../../../protocol/engine-text.ts';
import type { Latest } from '../../state/chat-log.ts';
import { useStore } from '../parts/use-store.ts';
import { readableLine } from '../../text/readable.ts';
import { Attached } from './attached.tsx';
import { Commented } from './commented.tsx';
import { noComments } from '../../state/comments.ts';
import { Icon } from '../parts/icon.tsx';
import { type ImageBlock, readImages } from './read-images.ts';
import { PromptField } from './prompt-field.tsx';
import { useSession } from '../parts/session-context.ts';
import { useCommands } from './use-commands.ts';
import { useDrop } from './use-drop.ts';
import { whatIsSent } from './what-is-sent.ts';
import { modeChoices } from '../parts/mode-choices.ts';

export interface ComposerProps {
  chat: Chat;
  latest: Latest;
  isBusy: boolean;
  onSend: (content: ContentBlock[]) => void;
  /** Asks beside the conversation. */
  onAside: (question: string) => void;
  onInterrupt: () => void;
  onSettings: () => void;
}

export function Composer({ chat, latest, isBusy, onSend, onAside, onInterrupt, onSettings }: ComposerProps) {
  const session = useSession();
  const { drafts } = session;
  const info = useStore(session.info);
  const [text, setText] = useState(() => drafts.get(chat.id).text);
  const [images, setImages] = useState<ImageBlock[]>(() => drafts.get(chat.id).images);
  const isKept = useRef(true);
  const picker = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const commands = useCommands(chat.id, latest.commands?.commands, text);
  const comments = useStore(session.comments.store).get(chat.id) ?? noComments;
  const sent = whatIsSent(text, images, comments);
  const isEmpty = sent.is === 'nothing';
  const [reading, setReading] = useState(0);
  const takesImages = info?.backends.find(({ name }) => name === chat.backend)?.capabilities.images !== false;

  useEffect(() => {
    const wasKept = isKept.current;
    isKept.current = drafts.set(chat.id, { text, images });
    if (wasKept && !isKept.current) session.showToast('This draft is too large to survive a reload of the page.');
  }, [chat.id, text, images, drafts, session]);
  const prepared = useStore(session.prepared);
  useEffect(() => {
    if (prepared?.chatId !== chat.id) return;
    session.prepared.set(undefined);
    setText((before) => {
      if (before.trim() === '') return prepared.text;
      return prepared.isSpare === true ? before : `${before}\n\n${prepared.text}`;
    });
  }, [chat.id, prepared, session]);
  const send = (): void => {
    // Images still being read belong to this prompt.
    if (sent.is === 'nothing' || reading > 0) return;
    if (sent.is === 'refused') return void session.showToast(sent.why, { level: 'error' });
    if (sent.is === 'aside') onAside(sent.question);
    else {
      onSend(sent.content);
      if (sent.hasComments) session.comments.set(chat.id, noComments);
      setImages([]);
    }
    setText('');
    field.current?.focus();
  };
  const addFiles = async (files: readonly File[]): Promise<void> => {
    if (files.length === 0) return;
    if (!takesImages) {
      session.showToast(
        `The ${engineText(chat.backend, info?.backends)} does not accept images. Change the engine of this chat first.`,
        {
          level: 'error',
        },
      );
      return;
    }
    setReading((count) => count + 1);
    const read = await readImages(files).finally(() => setReading((count) => count - 1));
    setImages((before) => [...before, ...read.images]);
    for (const problem of read.problems) session.showToast(problem, { level: 'error' });
  };
  const isDropping = useDrop((files) => void addFiles(files));
  const changeMode = async (permissionMode: PermissionMode): Promise<void> => {
    const changed = await session.attempt(() => session.api.patchChat(chat.id, { permissionMode }));
    if (changed) session.chats.put(changed);
  };

  return (
    <form
      className={`composer ${isDropping ? 'is-dropping' : ''}`}
      aria-label="Write to the agent"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Attached images={images} onTakeOut={(index) => setImages(images.filter((_, other) => other !== index))} />
      <Commented comments={comments} onChange={(next) => session.comments.set(chat.id, next)} />
      <PromptField
        field={field}
        text={text}
        commands={commands}
        placeholder={isDropping ? 'Drop images here' : isBusy ? 'Queue another prompt' : 'Ask for something'}
        onText={(next) => {
          setText(next);
          session.warmAhead(chat.id);
        }}
        onSend={send}
        onEscape={() => {
          if (isBusy) onInterrupt();
        }}
        onFiles={(files) => void addFiles(files)}
      />
      <div className="composer-tools">
        {takesImages && (
          <button type="button" className="icon-button" aria-label="Add images" onClick={() => picker.current?.click()}>
            <Icon name="attach" />
          </button>
        )}
        <input
          ref={picker}
          type="file"
          accept="image/png,image/jpeg,image/gif,image/webp"
          multiple
          hidden
          onChange={(event) => {
            void addFiles([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
        <select
          aria-label="Permission mode"
          title={modeChoices.find(({ value }) => value === chat.permissionMode)?.hint}
          value={chat.permissionMode}
          onChange={(event) => void changeMode(event.target.value as PermissionMode)}
        >
          {modeChoices.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <button
          type="button"
          className="plain model-button"
          title="Model, engine and trust of this chat"
          onClick={onSettings}
        >
          <span className="visually-hidden">Model: </span>
          {readableLine(chat.model ?? latest.session?.model ?? 'Default model', 60)}
        </button>
        <span className="spread" />
        {isBusy && (
          <button type="button" className="stop" title="Interrupt (Escape)" onClick={onInterrupt}>
            <Icon name="stop" /> <span className="stop-word">Interrupt</span>
          </button>
        )}
        <button
          className="primary send"
          aria-label={isBusy ? 'Add to the queue' : 'Send'}
          disabled={isEmpty || reading > 0}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
