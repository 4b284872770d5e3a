/**
 * Renders untrusted Markdown. HTML is shown as text, links lead to web pages or mail, and images become links, so that
 * opening a chat makes no requests.
 */
import { createContext, Fragment, memo, type ReactNode, use, useMemo } from 'react';
import ReactMarkdown, { type Components, type Options } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { CodeBlock } from './code-block.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { LongText } from './long-text.tsx';
import { useHighlighter } from './use-highlighter.ts';
import { readable } from '../../text/readable.ts';
import { markdownPieces } from '../../text/markdown-cost.ts';
import { cutOf, openEnd, rehypeOpenEnd } from '../../text/open-end.ts';
import { safeUrl } from '../../text/safe-url.ts';
import { splitBlocks } from '../../text/split-blocks.ts';

// Parsing anything longer takes too long.
export const maxMarkdownLength = 200_000;

function Link({ href, children }: { href: string | undefined; children?: ReactNode }) {
  const url = href === undefined ? undefined : safeUrl(href);
  if (url === undefined) return <span className="dead-link">{children}</span>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow" title={url}>
      {children}
    </a>
  );
}

/** The unparsed rest of a streaming message. */
const OpenEnd = createContext('');
const OpenEndText = () => <span className="open-end">{use(OpenEnd)}</span>;

const components: Components & { [openEnd]: () => ReactNode } = {
  [openEnd]: OpenEndText,
  a: ({ href, children }) => <Link href={href}>{children}</Link>,
  img: ({ src, alt }) => (
    <Link href={typeof src === 'string' ? src : undefined}>{alt === undefined || alt === '' ? 'picture' : alt}</Link>
  ),
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  table: ({ children }) => (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Table">
      <table>{children}</table>
    </div>
  ),
  input: ({ checked }) => <span aria-label={checked === true ? 'done' : 'open'}>{checked === true ? '☑' : '☐'}</span>,
};
const disallowed = ['script', 'style', 'iframe', 'object', 'embed', 'form', 'svg', 'math', 'base', 'link', 'meta'];

/** Parses a block at once; it is rendered later. Undefined if the parser gives up. */
function readBlock(options: Options): ReactNode {
  try {
    return ReactMarkdown(options);
  } catch {
    // Usually a stack overflow. The block is shown as written instead.
    return undefined;
  }
}

const Block = memo(function Block({ text, isOpen }: { text: string; isOpen: boolean }) {
  const highlight = useHighlighter(text.includes('```') || text.includes('~~~'));
  return useMemo(() => {
    const plugins: Options['rehypePlugins'] = [];
    if (highlight && text.length < 50_000) plugins.push([highlight, { detect: false }]);
    if (isOpen) plugins.push(rehypeOpenEnd);
    return (
      readBlock({
        components,
        disallowedElements: disallowed,
        remarkPlugins: [remarkGfm],
        rehypePlugins: plugins,
        urlTransform: (url) => safeUrl(url),
        children: text,
      }) ?? <Unread text={text} isOpen={isOpen} />
    );
  }, [highlight, isOpen, text]);
});

/** A block as written. */
function Unread({ text, isOpen }: { text: string; isOpen: boolean }) {
  const rest = use(OpenEnd);
  return <LongText text={isOpen ? text + rest : text} isDraft={isOpen} />;
}

export const Markdown = memo(function Markdown({ text, isDraft = false }: { text: string; isDraft?: boolean }) {
  const isLong = text.length > maxMarkdownLength;
  const { pieces, rest } = useMemo(() => {
    const blocks = isLong ? [] : splitBlocks(readable(text));
    const last = blocks.at(-1);
    if (last === undefined || !isDraft) return { pieces: markdownPieces(blocks), rest: '' };
    const cut = cutOf(last);
    return { pieces: markdownPieces(blocks.with(-1, last.slice(0, cut))), rest: last.slice(cut) };
  }, [isDraft, isLong, text]);
  if (isLong) return <LongText text={readable(text)} isDraft={isDraft} />;
  return (
    <div className="markdown">
      <OpenEnd value={rest}>
        {pieces.map((piece, index) => {
          const isOpen = isDraft && index === pieces.length - 1;
          const unread = <Unread text={piece.text} isOpen={isOpen} />;
          if (!piece.isMarkdown) return <Fragment key={index}>{unread}</Fragment>;
          return (
            <ErrorBoundary key={index} of={piece.text} instead={() => unread}>
              <Block text={piece.text} isOpen={isOpen} />
            </ErrorBoundary>
          );
        })}
      </OpenEnd>
    </div>
  );
});
