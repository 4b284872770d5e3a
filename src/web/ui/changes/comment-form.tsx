import { useEffect, useRef } from 'react';
import { type Comment, linesText, placeText } from '../../text/comment-text.ts';
import { readable } from '../../text/readable.ts';
import { visibleName } from '../../text/changes-words.ts';

/** A comment that is being written. */
export function CommentForm({
  comment,
  onText,
  onSave,
  onCancel,
}: {
  comment: Comment;
  onText: (text: string) => void;
  onSave: () => void;
  onCancel: () => void;
}) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.focus({ preventScroll: true });
    field.current?.setSelectionRange(field.current.value.length, field.current.value.length);
    field.current?.closest('form')?.scrollIntoView({ block: 'nearest' });
  }, [comment.id]);
  return (
    <form
      className="changes-comment"
      onSubmit={(event) => {
        event.preventDefault();
        onSave();
      }}
    >
      <textarea
        ref={field}
        dir="auto"
        rows={3}
        aria-label={`Comment on ${visibleName(placeText(comment))}`}
        placeholder="Comment, for your next prompt"
        value={comment.text}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={(event) => {
          event.stopPropagation();
          // These keys may end an IME composition. Safari ends the composition first.
          if (event.nativeEvent.isComposing || event.keyCode === 229) return;
          // Nobody loses what they wrote by one key.
          if (event.key === 'Escape') onSave();
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSave();
        }}
      />
      <div className="actions">
        <button className="primary" disabled={comment.text.trim() === ''}>
          Add to the prompt
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <span className="quiet">{linesText(comment)}</span>
      </div>
    </form>
  );
}

/** A comment that waits for the next prompt. */
export function CommentCard({
  comment,
  note,
  onEdit,
  onRemove,
}: {
  comment: Comment;
  note?: string;
  onEdit: () => void;
  onRemove: () => void;
}) {
  const place = visibleName(placeText(comment));
  return (
    <div className="changes-comment" role="note" aria-label={`Comment on ${place}`}>
      {note !== undefined && <p className="quiet">{note}</p>}
      <p className="typed" dir="auto">
        {readable(comment.text)}
      </p>
      <div className="actions">
        <button type="button" className="plain" aria-label={`Edit the comment on ${place}`} onClick={onEdit}>
          Edit
        </button>
        <button type="button" className="plain" aria-label={`Remove the comment on ${place}`} onClick={onRemove}>
          Remove
        </button>
      </div>
    </div>
  );
}
