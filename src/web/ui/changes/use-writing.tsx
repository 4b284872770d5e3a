import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { noComments } from '../../state/comments.ts';
import type { Comment } from '../../text/comment-text.ts';
import { codeOf, firstOf, followed, lastOf, placeOf, type Selection } from '../../text/line-selection.ts';
import type { Hunk } from '../../text/unified-diff.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';
import { CommentCard, CommentForm } from './comment-form.tsx';
import { insertKey, type Inserts } from './hunk-lines.tsx';

export interface Writing {
  comments: readonly Comment[];
  /** How many go with the next prompt, with the one that is being written. */
  count: number;
  /** Adds the one that is being written. */
  finish(): void;
  /** The comments on this file go where their lines are now. */
  follow(path: string, hunks: readonly Hunk[]): void;
  /** Begins a comment on these lines. One that is being written is added first. */
  begin(path: string, hunks: readonly Hunk[], selection: Selection): void;
  /** What belongs below the lines of a file, and what has no line there any more. */
  place(path: string, hunks: readonly Hunk[]): { inserts: Inserts; lost: ReactNode[] };
}

let lastId = 0;
const newId = (): string => `${Date.now()}-${(lastId += 1)}`;

/**
 * The comments of a chat, and the one that is being written, which is added in any case when the view or the page goes away.
 * `onDone` gets the focus back.
 */
export function useWriting(chatId: string, onDone: () => void): Writing {
  const session = useSession();
  const comments = useStore(session.comments.store).get(chatId) ?? noComments;
  const [open, setOpen] = useState<Comment>();
  /** What the open one was before, if it is not new. */
  const [former, setFormer] = useState<Comment>();

  const keep = (next: readonly Comment[]): void => {
    if (!session.comments.set(chatId, next))
      session.showToast('These comments are too long to survive a reload of the page.');
  };
  /** Those that are there at this moment: they may just have been sent. */
  const current = (): readonly Comment[] => session.comments.store.get().get(chatId) ?? noComments;
  const withOpen = (): readonly Comment[] => {
    const all = current();
    if (!open || open.text.trim() === '') return all;
    const isKnown = all.some(({ id }) => id === open.id);
    return isKnown ? all.map((each) => (each.id === open.id ? open : each)) : [...all, open];
  };
  const close = (): void => {
    setOpen(undefined);
    onDone();
  };
  const keepOpen = (): void => {
    const all = withOpen();
    if (all !== current()) keep(all);
  };
  const save = (): void => {
    keepOpen();
    close();
  };
  const cancel = (): void => {
    // It may have been added since, while the page was hidden.
    if (comments.some(({ id }) => id === open?.id)) {
      keep(comments.flatMap((each) => (each.id !== open?.id ? [each] : former ? [former] : [])));
    }
    close();
  };
  const latest = useRef(keepOpen);
  latest.current = keepOpen;
  useEffect(() => {
    const leave = (): void => latest.current();
    // Phones may end a page that is hidden without a word.
    const hide = (): void => {
      if (document.visibilityState === 'hidden') leave();
    };
    addEventListener('pagehide', leave);
    document.addEventListener('visibilitychange', hide);
    return () => {
      removeEventListener('pagehide', leave);
      document.removeEventListener('visibilitychange', hide);
      leave();
    };
  }, []);
  const card = (comment: Comment, note?: string): ReactNode =>
    comment.id === open?.id ? (
      <CommentForm
        key={comment.id}
        comment={open}
        onText={(text) => setOpen({ ...open, text })}
        onSave={save}
        onCancel={cancel}
      />
    ) : (
      <CommentCard
        key={comment.id}
        comment={comment}
        {...(note !== undefined && { note })}
        onEdit={() => {
          keepOpen();
          setOpen(comment);
          setFormer(comment);
        }}
        onRemove={() => {
          keep(comments.filter((each) => each !== comment));
          onDone();
        }}
      />
    );

  return {
    comments,
    count: withOpen().length,
    finish() {
      keepOpen();
      setOpen(undefined);
    },
    follow(path, hunks) {
      const next = followed(comments, path, hunks);
      if (next !== comments) keep(next);
      if (!open) return;
      const [moved] = followed([open], path, hunks);
      if (moved !== open) setOpen(moved);
    },
    begin(path, hunks, selection) {
      const [first, last] = [firstOf(selection), lastOf(selection)];
      keepOpen();
      setFormer(undefined);
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
