/**
 * Markdown of strangers. HTML in it is text; a link leads to a page or a letter, or is text; a picture is a link, so that
 * looking at a chat asks nobody for anything.
 */
import { createContext, memo, type ReactNode, use, useMemo } from 'react';
import ReactMarkdown, { type Components, type Options } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { CodeBlock } from '../ui/parts/code-block.tsx';
import { LongText } from '../ui/parts/long-text.tsx';
import { useHighlighter } from './highlighter.ts';
import { readable } from './hidden.ts';
import { cutOf, openEnd, rehypeOpenEnd } from './open-end.ts';
import { safeUrl } from './safe-url.ts';
import { splitBlocks } from './split-blocks.ts';

// Beyond this reading it as Markdown would take longer than anybody waits.
const maxMarkdownLength = 200_000;

function Link({ href, children }: { href: string | undefined; children?: ReactNode }) {
  const url = href === undefined ? undefined : safeUrl(href);
  if (url === undefined) return <span className="dead-link">{children}</span>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow" title={url}>
      {children}
    </a>
  );
}

/** What came since the last block was read; only of a message that streams. */
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

const Block = memo(function Block({ text, isOpen }: { text: string; isOpen: boolean }) {
  const highlight = useHighlighter(text.includes('```') || text.includes('~~~'));
  const plugins: Options['rehypePlugins'] = [];
  if (highlight && text.length < 50_000) plugins.push([highlight, { detect: false }]);
  if (isOpen) plugins.push(rehypeOpenEnd);
  return (
    <ReactMarkdown
      components={components}
      disallowedElements={disallowed}
      remarkPlugins={[remarkGfm]}
      rehypePlugins={plugins}
      urlTransform={(url) => safeUrl(url)}
    >
      {text}
    </ReactMarkdown>
  );
});

export const Markdown = memo(function Markdown({ text, isDraft = false }: { text: string; isDraft?: boolean }) {
  const blocks = useMemo(() => (text.length > maxMarkdownLength ? [] : splitBlocks(readable(text))), [text]);
  if (text.length > maxMarkdownLength) return <LongText text={readable(text)} isDraft={isDraft} />;
  const last = blocks.length - 1;
  const cut = isDraft ? cutOf(blocks[last] ?? '') : Infinity;
  return (
    <div className="markdown">
      <OpenEnd value={blocks[last]?.slice(cut) ?? ''}>
        {blocks.map((block, index) => {
          const isOpen = isDraft && index === last;
          return <Block key={index} text={isOpen ? block.slice(0, cut) : block} isOpen={isOpen} />;
        })}
      </OpenEnd>
    </div>
  );
});
