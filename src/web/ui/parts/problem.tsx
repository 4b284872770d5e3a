import { readable } from '../../text/readable.ts';

/** What went wrong, told at once to who does not see it. */
export function Problem({ text, id }: { text: string | undefined; id?: string }) {
  if (text === undefined) return null;
  return (
    <p id={id} className="problem" role="alert">
      {readable(text)}
    </p>
  );
}
