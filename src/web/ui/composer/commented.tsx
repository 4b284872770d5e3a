import { type Comment, shortPlace } from '../../text/comment-text.ts';
import { readableLine } from '../../text/readable.ts';
import { Icon } from '../parts/icon.tsx';

/** The comments on changes that go with the next prompt. */
export function Commented({
  comments,
  onChange,
}: {
  comments: readonly Comment[];
  onChange: (comments: readonly Comment[]) => void;
}) {
  if (comments.length === 0) return null;
  return (
    <ul className="commented" aria-label="Comments to send">
      {comments.map((comment) => {
        const place = readableLine(shortPlace(comment), 60);
        return (
          <li key={comment.id}>
            <span title={readableLine(comment.text, 500)}>
              <bdi className="code">{place}</bdi> <span className="quiet">{readableLine(comment.text, 60)}</span>
            </span>
            <button
              type="button"
              className="icon-button"
              aria-label={`Remove the comment on ${place}`}
              onClick={() => onChange(comments.filter((each) => each !== comment))}
            >
              <Icon name="close" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
