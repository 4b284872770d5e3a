import { memo, useMemo } from 'react';
import { fenced, languageOf, type NumberedText } from '../../text/numbered-lines.ts';
import { Markdown, maxMarkdownLength } from '../parts/markdown.tsx';
import { readable } from '../../text/readable.ts';
import { LongText } from '../parts/long-text.tsx';
import { useExpanded } from './use-expanded.ts';

const firstLines = 20;

/** A file, or part of one, with line numbers. */
export const FileView = memo(function FileView({ id, path, file }: { id: string; path: string; file: NumberedText }) {
  const [isWhole, setWhole] = useExpanded(`file ${id}`, false);
  const { numbers, text } = file;
  // Show a few extra lines at once: a button would take as much space.
  const isShort = isWhole || numbers.length <= firstLines + 5;
  const shown = useMemo(() => (isShort ? text : text.split('\n').slice(0, firstLines).join('\n')), [isShort, text]);
  const code = useMemo(() => fenced(shown, languageOf(path)), [path, shown]);
  return (
    <>
      <div className="file-view">
        <pre className="file-numbers" aria-hidden="true">
          {(isShort ? numbers : numbers.slice(0, firstLines)).join('\n')}
        </pre>
        {code.length > maxMarkdownLength ? (
          // Until the highlighter is loaded, Markdown would show the fence.
          <div className="code-block">
            <LongText text={readable(shown)} className="file-lines" />
          </div>
        ) : (
          <Markdown text={code} />
        )}
      </div>
      {!isShort && (
        <button type="button" className="plain" onClick={() => setWhole(true)}>
          Show all {numbers.length.toLocaleString('en-US')} lines
        </button>
      )}
    </>
  );
});
