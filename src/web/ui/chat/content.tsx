import { memo } from 'react';
import type { ContentBlock } from '../../../protocol/content.ts';
import { Markdown } from '../parts/markdown.tsx';
import { readable } from '../../text/readable.ts';
import { LongText } from '../parts/long-text.tsx';

// The types a chat may hold: none that a browser would open as a document.
const imageTypes: readonly string[] = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

export function Picture({ block }: { block: Extract<ContentBlock, { type: 'image' }> }) {
  if (!imageTypes.includes(block.mimeType) || !/^[A-Za-z0-9+/]*={0,2}$/.test(block.data)) return <p>[image]</p>;
  return <img className="picture" src={`data:${block.mimeType};base64,${block.data}`} alt="An image in this chat" />;
}

/** The blocks of a message: rendered as Markdown with `markdown`, otherwise shown as written. */
export const Content = memo(function Content({
  content,
  isMarkdown,
  isDraft = false,
}: {
  content: readonly ContentBlock[];
  isMarkdown: boolean;
  isDraft?: boolean;
}) {
  return (
    <>
      {content.map((block, index) => {
        if (block.type === 'image') return <Picture key={index} block={block} />;
        return isMarkdown ? (
          <Markdown key={index} text={block.text} isDraft={isDraft} />
        ) : (
          <LongText key={index} text={readable(block.text)} className="typed" />
        );
      })}
    </>
  );
});
