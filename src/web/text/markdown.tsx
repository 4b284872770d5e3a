/**
 * Markdown of strangers. HTML in it is text; a link leads to a page or a letter, or is text; a picture is a link, so that
 * looking at a chat asks nobody for anything.
 */
import { memo, type ReactNode, useMemo } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { CodeBlock } from '../ui/code-block.tsx';
import { LongText } from '../ui/long-text.tsx';
import { useHighlighter } from './highlighter.ts';
import { readable } from './hidden.ts';
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

const components: Components = {
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

const Block = memo(function Block({ text }: { text: string }) {
  const highlight = useHighlighter(text.includes('```') || text.includes('~~~'));
  return (
    <ReactMarkdown
      components={components}
      disallowedElements={disallowed}
      remarkPlugins={[remarkGfm]}
      rehypePlugins={highlight && text.length < 50_000 ? [[highlight, { detect: false }]] : []}
      urlTransform={(url) => safeUrl(url)}
    >
      {text}
    </ReactMarkdown>
  );
});

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => (text.length > maxMarkdownLength ? [] : splitBlocks(readable(text))), [text]);
  if (text.length > maxMarkdownLength) return <LongText text={readable(text)} />;
  return (
    <div className="markdown">
      {blocks.map((block, index) => (
        <Block key={index} text={block} />
      ))}
    </div>
  );
});
