import { type ReactNode, useMemo, useState } from 'react';
import { noComments } from '../../state/comments.ts';
import type { Comment } from '../../text/comment-text.ts';
import { codeOf, firstOf, lastOf, placeOf, type Selection } from '../../text/line-selection.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';
import { CommentCard, CommentForm } from './comment-form.tsx';
import { insertKey, type Inserts } from './hunk-lines.tsx';

export interface Writing {
  comments: readonly Comment[];
  /** Begins a comment on these lines. One that is being written is added first. */
  begin(path: string, hunks: readonly Hunk[], selection: Selection): void;
  /** What belongs below the lines of a file, and what has no line there any more. */
  place(path: string, hunks: readonly Hunk[]): { inserts: Inserts; lost: ReactNode[] };
}

let lastId = 0;
const newId = (): string => `${Date.now()}-${(lastId += 1)}`;

/** The comments of a chat, and the one that is being written. `onDone` gets the focus back. */
export function useWriting(chatId: string, onDone: () => void): Writing {
  const session = useSession();
  const comments = useStore(session.comments.store).get(chatId) ?? noComments;
  const [open, setOpen] = useState<Comment>();

  const keep = (next: readonly Comment[]): void => {
    if (!session.comments.set(chatId, next))
      session.showToast('These comments are too long to survive a reload of the page.');
  };
  const withOpen = (): readonly Comment[] => {
    if (!open || open.text.trim() === '') return comments;
    const isKnown = comments.some(({ id }) => id === open.id);
    return isKnown ? comments.map((each) => (each.id === open.id ? open : each)) : [...comments, open];
  };
  const close = (): void => {
    setOpen(undefined);
    onDone();
  };
  const save = (): void => {
    keep(withOpen());
    close();
  };
  const card = (comment: Comment, note?: string): ReactNode =>
    comment.id === open?.id ? (
      <CommentForm
        key={comment.id}
        comment={open}
        onText={(text) => setOpen({ ...open, text })}
        onSave={save}
        onCancel={close}
      />
    ) : (
      <CommentCard
        key={comment.id}
        comment={comment}
        {...(note !== undefined && { note })}
        onEdit={() => {
          keep(withOpen());
          setOpen(comment);
        }}
        onRemove={() => {
          keep(comments.filter((each) => each !== comment));
          onDone();
        }}
      />
    );

  return {
    comments,
    begin(path, hunks, selection) {
      const [first, last] = [firstOf(selection), lastOf(selection)];
      keep(withOpen());
      setOpen({ id: newId(), path, side: selection.side, first, last, code: codeOf(hunks, selection), text: '' });
    },
    place(path, hunks) {
      const inserts = new Map<string, ReactNode>();
      const lost: ReactNode[] = [];
      const all = open && !comments.some(({ id }) => id === open.id) ? [...comments, open] : comments;
      for (const comment of all) {
        if (comment.path !== path) continue;
        const found = placeOf(hunks, comment);
        if (found) {
          const key = insertKey(found.side, lastOf(found));
          inserts.set(key, [inserts.get(key), card(comment)]);
        } else lost.push(card(comment, 'The lines of this comment are no longer shown here:'));
      }
      return { inserts, lost };
    },
  };
}

/** Comments by the path of their file. */
export function useCommentCounts(comments: readonly Comment[]): ReadonlyMap<string, number> {
  return useMemo(() => {
    const counts = new Map<string, number>();
    for (const { path } of comments) counts.set(path, (counts.get(path) ?? 0) + 1);
    return counts;
  }, [comments]);
}
