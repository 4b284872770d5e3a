import { type ClipboardEvent, type KeyboardEvent, type RefObject, useEffect, useLayoutEffect } from 'react';
import { readableLine } from '../../text/readable.ts';
import { useCombobox } from '../parts/use-combobox.ts';
import { focusPrompt } from '../parts/focus-prompt.ts';
import type { Command } from './use-commands.ts';
import { useMedia } from '../parts/use-media.ts';

export interface PromptFieldProps {
  field: RefObject<HTMLTextAreaElement | null>;
  text: string;
  commands: readonly Command[];
  placeholder: string;
  onText: (text: string) => void;
  onSend: () => void;
  onEscape: () => void;
  onFiles: (files: File[]) => void;
}

// Browsers without `field-sizing` need the height to be measured.
const isSizedByBrowser = (): boolean => CSS.supports('field-sizing', 'content');

/**
 * The prompt field. Enter sends and Shift+Enter starts a new line. Touch keyboards have no such Enter: there it starts a
 * new line, and the button sends.
 */
export function PromptField(props: PromptFieldProps) {
  const { field, text, commands, onText, onSend, onFiles } = props;
  const isTouched = useMedia('(pointer: coarse)');
  const take = ({ name }: Command): void => {
    onText(`/${name} `);
    field.current?.focus();
  };
  const list = useCombobox(commands, take, { choosesFirst: true });

  // Opening a chat means writing in it.
  useEffect(focusPrompt, []);
  useLayoutEffect(() => {
    const element = field.current;
    if (!element || isSizedByBrowser()) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [field, text]);

  const onKeyDown = (event: KeyboardEvent): void => {
    // The Enter that ends an IME composition does not send. Safari ends the composition first.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    const isWhole = text === `/${commands[list.at]?.name ?? ''}`;
    if (!(event.key === 'Enter' && isWhole) && list.onKeyDown(event)) return;
    if (event.key === 'Escape') return props.onEscape();
    if (event.key !== 'Enter' || event.shiftKey) return;
    // Ignore a held key: its first press may have acted on something that is gone.
    if (event.repeat) return event.preventDefault();
    if (isTouched && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    onSend();
  };
  const onPaste = (event: ClipboardEvent): void => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    onFiles(files);
  };

  return (
    <>
      <ul
        id={list.listId}
        className="options command-list"
        role="listbox"
        aria-label="Agent commands"
        hidden={!list.isOpen}
      >
        {commands.map(({ name, description }, index) => (
          <li key={name} {...list.optionProps(index)}>
            <span className="command-name">/{readableLine(name, 80)}</span>{' '}
            <span className="quiet">{readableLine(description, 160)}</span>
          </li>
        ))}
      </ul>
      <textarea
        ref={field}
        className="prompt"
        aria-label="Prompt"
        dir="auto"
        placeholder={props.placeholder}
        rows={1}
        enterKeyHint={isTouched ? 'enter' : 'send'}
        value={text}
        {...list.fieldProps}
        onChange={(event) => {
          onText(event.target.value);
          list.setOpen(true);
        }}
        onBlur={() => list.setOpen(false)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
    </>
  );
}
