import { type ReactNode } from 'react';
import type { ChatLog, Item } from '../../state/chat-log.ts';
import { withDrafts } from '../../state/fold.ts';
import { readable } from '../../text/readable.ts';
import { LongText } from '../parts/long-text.tsx';
import { useExpanded } from './use-expanded.ts';

/** Renders an item. `isAlive` if it belongs to a sub-agent that is still working, even after the turn has ended. */
export type DrawItem = (item: Item, log: ChatLog, isAlive: boolean) => ReactNode;

const firstSteps = 4;

/** A sub-agent's task and the steps it took. */
export function SubAgent({
  toolCallId,
  prompt,
  log,
  isAlive,
  drawItem,
}: {
  toolCallId: string;
  prompt: unknown;
  log: ChatLog;
  isAlive: boolean;
  drawItem: DrawItem;
}) {
  const [isWhole, setWhole] = useExpanded(`sub ${toolCallId}`, false);
  const items = withDrafts(log.children.get(toolCallId) ?? [], log.drafts, toolCallId);
  const hidden = isWhole ? 0 : Math.max(0, items.length - firstSteps);
  return (
    <>
      {typeof prompt === 'string' && (
        <details className="tool-input">
          <summary>Its task</summary>
          <LongText text={readable(prompt)} className="output" />
        </details>
      )}
      {items.length > 0 && (
        <div className="sub-agent" role="group" aria-label="Steps of the sub-agent">
          {hidden > 0 && (
            <button type="button" className="plain" onClick={() => setWhole(true)}>
              Show {hidden} earlier {hidden === 1 ? 'step' : 'steps'}
            </button>
          )}
          {items.slice(hidden).map((item) => (
            <div key={item.key}>{drawItem(item, log, isAlive)}</div>
          ))}
        </div>
      )}
    </>
  );
}
