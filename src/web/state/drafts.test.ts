import { expect, it } from 'vitest';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import type { Comment } from '../text/comment-text.ts';
import { createComments } from './comments.ts';
import { createDrafts, type Draft } from './drafts.ts';

const image = (chars: number): Draft['images'][number] => ({
  type: 'image',
  mimeType: 'image/png',
  data: 'x'.repeat(chars),
});

it('drafts survive a reload until they are sent', () => {
  const storage = memoryStorage(5_000_000);
  const drafts = createDrafts(storage);
  expect(drafts.set('a', { text: 'hello', images: [image(10)] })).toBe(true);
  expect(createDrafts(storage).get('a')).toEqual({ text: 'hello', images: [image(10)] });
  drafts.set('a', { text: '', images: [] });
  expect([createDrafts(storage).get('a'), storage.length]).toEqual([{ text: '', images: [] }, 0]);
});

it('reports a draft that does not fit into storage, and stores at least its text if that fits', () => {
  const storage = memoryStorage(5_000_000);
  const drafts = createDrafts(storage);
  const large = { text: 'hello', images: [image(1_000_000)] };
  expect(drafts.set('a', large)).toBe(false);
  expect(drafts.get('a')).toEqual(large);
  expect(createDrafts(storage).get('a')).toEqual({ text: 'hello', images: [] });
  storage.setItem('somebody else', 'x'.repeat(4_999_000));
  expect(drafts.set('a', { text: 'y'.repeat(2_000), images: [] })).toBe(false);
  // The old text is out of date.
  expect(createDrafts(storage).get('a').text).toBe('');
});

it('WEB-84: comments survive a reload until they are sent or removed', () => {
  const storage = memoryStorage(5_000_000);
  const comment: Comment = { id: '1', path: 'a', side: 'after', first: 1, last: 1, code: 'x', text: 'Why?' };
  const comments = createComments(storage);
  expect(comments.set('chat', [comment])).toBe(true);
  expect(createComments(storage).store.get().get('chat')).toEqual([comment]);
  expect(comments.set('chat', [{ ...comment, code: 'x'.repeat(500_000) }])).toBe(false);
  comments.set('other', [comment]);
  comments.clear();
  // A view that closes with the session adds what is being written.
  comments.set('chat', [comment]);
  expect([createComments(storage).store.get().size, storage.length]).toEqual([0, 0]);
});
