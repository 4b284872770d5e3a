import { type ClipboardEvent, type DragEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { Chat, PermissionMode } from '../../protocol/chat.ts';
import type { ContentBlock } from '../../protocol/content.ts';
import { Icon } from './icons.tsx';
import { type ImageBlock, readImages } from './images.ts';
import { useSession } from './session-context.ts';
import { modeChoices } from './words.ts';

export interface ComposerProps {
  chat: Chat;
  mode: PermissionMode;
  isBusy: boolean;
  onSend: (content: ContentBlock[]) => void;
  onInterrupt: () => void;
  onSettings: () => void;
}

export function Composer({ chat, mode, isBusy, onSend, onInterrupt, onSettings }: ComposerProps) {
  const session = useSession();
  const { drafts } = session;
  const [text, setText] = useState(() => drafts.get(chat.id).text);
  const [images, setImages] = useState<ImageBlock[]>(() => drafts.get(chat.id).images);
  const isKept = useRef(true);
  const [isDropping, setDropping] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const isEmpty = text.trim() === '' && images.length === 0;

  useEffect(() => {
    const wasKept = isKept.current;
    isKept.current = drafts.set(chat.id, { text, images });
    if (wasKept && !isKept.current) session.say('This draft is too large to be kept over a reload of the page.');
  }, [chat.id, text, images, drafts, session]);
  const send = (): void => {
    if (isEmpty) return;
    onSend([...images, ...(text.trim() === '' ? [] : [{ type: 'text' as const, text }])]);
    setText('');
    setImages([]);
    field.current?.focus();
  };
  const addFiles = async (files: Iterable<File>): Promise<void> => {
    const read = await readImages(files);
    setImages((before) => [...before, ...read.images]);
    for (const problem of read.problems) session.say(problem, { level: 'error' });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // The Enter that ends a composition, of Japanese for example, is none.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event: ClipboardEvent): void => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    void addFiles(files);
  };
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setDropping(false);
    void addFiles(event.dataTransfer.files);
  };
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
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={onDrop}
    >
      {images.length > 0 && (
        <ul className="attached" aria-label="Images to send">
          {images.map((image, index) => (
            <li key={index}>
              <img src={`data:${image.mimeType};base64,${image.data}`} alt={`Image ${index + 1}`} />
              <button
                type="button"
                className="icon-button"
                aria-label={`Take image ${index + 1} out`}
                onClick={() => setImages(images.filter((_, other) => other !== index))}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <textarea
        ref={field}
        className="prompt"
        aria-label="Prompt"
        placeholder={isBusy ? 'Write what comes next; it waits its turn' : 'Ask for something'}
        rows={1}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <div className="composer-tools">
        <button type="button" className="icon-button" aria-label="Add images" onClick={() => picker.current?.click()}>
          <Icon name="attach" />
        </button>
        <input
          ref={picker}
          type="file"
          accept="image/png,image/jpeg,image/gif,image/webp"
          multiple
          hidden
          onChange={(event) => {
            void addFiles(event.target.files ?? []);
            event.target.value = '';
          }}
        />
        <select
          aria-label="Permission mode"
          title={modeChoices.find(({ value }) => value === mode)?.hint}
          value={mode}
          onChange={(event) => void changeMode(event.target.value as PermissionMode)}
        >
          {modeChoices.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <button type="button" className="plain model-button" onClick={onSettings}>
          {chat.model ?? 'Default model'}
        </button>
        <span className="spread" />
        {isBusy && (
          <button type="button" className="stop" onClick={onInterrupt}>
            <Icon name="stop" /> <span className="stop-word">Interrupt</span>
          </button>
        )}
        <button className="primary send" aria-label={isBusy ? 'Send when it is done' : 'Send'} disabled={isEmpty}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
