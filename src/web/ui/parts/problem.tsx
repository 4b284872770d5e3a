import { readable } from '../../text/readable.ts';

/** An error message, announced to screen readers at once. */
export function Problem({ text, id }: { text: string | undefined; id?: string }) {
  if (text === undefined) return null;
  return (
    <p id={id} className="problem" role="alert">
      {readable(text)}
    </p>
  );
}
