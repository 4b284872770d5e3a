import { memo, type ReactNode } from 'react';
import { byText } from '../../../protocol/by-text.ts';
import type { ContentBlock } from '../../../protocol/content.ts';
import { cutOffText } from '../../../protocol/cut-off-text.ts';
import { incomingWords } from '../../../protocol/incoming-words.ts';
import { engineText } from '../../../protocol/engine-text.ts';
import { tokensIn } from '../../../protocol/usage.ts';
import type { ChatLog, Item, Settled, ToolResult, TurnTimes } from '../../state/chat-log.ts';
import { callState } from '../../state/call-state.ts';
import { useSession } from '../parts/session-context.ts';
import { useStore } from '../parts/use-store.ts';
import { readable, readableLine } from '../../text/readable.ts';
import { Content } from './content.tsx';
import { CopyButton } from '../parts/copy-button.tsx';
import { Fields } from '../decisions/fields.tsx';
import { isAgentTool, ToolCard } from './tool-card.tsx';
import { ForkHere } from './forks.tsx';
import { RewindHere, RewindLine } from './rewinds.tsx';
import { useExpanded } from './use-expanded.ts';
import { decisionTitle } from '../parts/decision-title.ts';
import { costText, countText, durationText } from '../parts/format.ts';

/** Looks up everything an item needs and passes it on, so that unchanged items are not rendered again. */
export function ItemView({ item, log, isAlive = false }: { item: Item; log: ChatLog; isAlive?: boolean }): ReactNode {
  switch (item.kind) {
    case 'prompt':
      return (
        <>
          <Typed content={log.prompts.get(item.promptId)} />
          <RewindHere promptId={item.promptId} />
        </>
      );
    case 'user':
      return <Typed content={item.content} />;
    case 'incoming':
      return <Incoming origin={item.origin} content={item.content} />;
    case 'message':
      return <Message content={item.content} isDraft={item.isDraft === true} isPartial={item.isPartial === true} />;
    case 'thought':
      return (
        <Thought
          id={item.key}
          content={item.content}
          isDraft={item.isDraft === true}
          isPartial={item.isPartial === true}
        />
      );
    case 'tool': {
      const { toolCallId, toolName } = item.call;
      const result = log.results.get(toolCallId);
      const { isAsking, isTurnOpen } = callState(log, item.call);
      return (
        <ToolCard
          item={item}
          result={result}
          isTurnOpen={isTurnOpen || isAlive}
          isAsking={isAsking}
          isInBackground={isInBackground(log, result)}
          log={isAgentTool(toolName) ? log : undefined}
          drawItem={drawItem}
        />
      );
    }
    case 'decision':
      return (
        <DecisionLine
          title={item.asked.title}
          kind={item.asked.kind}
          settled={log.settled.get(item.asked.decisionId)}
        />
      );
    case 'flip':
      return <FlipLine backend={item.backend} />;
    case 'rewind':
      return <RewindLine started={item.started} log={log} />;
    case 'notice':
      return <p className={`notice notice-${item.level}`}>{readable(item.text)}</p>;
    case 'turn':
      return <TurnLine finished={item.finished} times={log.turns.get(item.finished.turnId)} />;
  }
}

function FlipLine({ backend }: { backend: string }) {
  const { info } = useSession();
  const backends = useStore(info)?.backends;
  return <p className="notice notice-info">The chat now uses the {engineText(backend, backends)}.</p>;
}

const drawItem = (item: Item, log: ChatLog, isAlive: boolean): ReactNode => (
  <ItemView item={item} log={log} isAlive={isAlive} />
);

/** A command or sub-agent in the background returns an id at once, and the agent reports which ids are alive. */
function isInBackground(log: ChatLog, result: ToolResult | undefined): boolean {
  const { backgroundTaskId, agentId } = (result?.rawOutput ?? {}) as Record<string, unknown>;
  return log.latest.tasks?.tasks.some(({ taskId }) => taskId === backgroundTaskId || taskId === agentId) === true;
}

const Typed = memo(function Typed({ content }: { content: ContentBlock[] | undefined }) {
  return (
    <article className="typed-message" aria-label="You">
      {content ? <Content content={content} isMarkdown={false} /> : <p className="quiet">…</p>}
    </article>
  );
});

/** A message no person wrote: shown as written, with its claimed sender. */
const Incoming = memo(function Incoming({
  origin,
  content,
}: Pick<Extract<Item, { kind: 'incoming' }>, 'origin' | 'content'>) {
  const words = incomingWords(origin.kind);
  return (
    <article className="incoming-message" aria-label={words}>
      <p className="quiet">
        {words}
        {origin.name !== undefined && (
          <>
            {' '}
            (<bdi>{readableLine(origin.name, 100)}</bdi>)
          </>
        )}
        :
      </p>
      <Content content={content} isMarkdown={false} />
    </article>
  );
});

interface SpokenProps {
  content: ContentBlock[];
  isDraft: boolean;
  isPartial: boolean;
}

const Message = memo(function Message({ content, isDraft, isPartial }: SpokenProps) {
  return (
    <div className="answer">
      <article className={`agent-message ${isDraft ? 'is-draft' : ''}`} aria-label="Claude" aria-busy={isDraft}>
        <Content content={content} isMarkdown isDraft={isDraft} />
        {isPartial && <p className="quiet">{cutOffText}</p>}
      </article>
      {!isDraft && <CopyButton what="this answer" className="plain copy-answer" text={() => textOf(content)} />}
    </div>
  );
});

const textOf = (content: readonly ContentBlock[]): string =>
  content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n\n');

const Thought = memo(function Thought({ id, content, isDraft, isPartial }: SpokenProps & { id: string }) {
  const [isOpen, setOpen] = useExpanded(id, isDraft);
  return (
    <section className="thought" aria-label="Thinking">
      <button type="button" className="thought-head" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isDraft ? 'Thinking …' : 'Thought'}
      </button>
      {isOpen && <Content content={content} isMarkdown isDraft={isDraft} />}
      {isOpen && isPartial && <p className="quiet">{cutOffText}</p>}
    </section>
  );
});

const asked = { permission: 'Permission', question: 'Question', plan: 'Plan', form: 'Form' };
const outcomes: Record<Settled['outcome'], string> = {
  allow: 'allowed',
  allow_always: 'always allowed',
  deny: 'denied',
  cancelled: 'withdrawn',
};

const DecisionLine = memo(function DecisionLine({
  title,
  kind,
  settled,
}: {
  title: string;
  kind: keyof typeof asked;
  settled: Settled | undefined;
}) {
  // A pending decision is shown below, with its buttons.
  if (!settled) return null;
  const outcome = outcomes[settled.outcome];
  const edited = kind === 'permission' ? settled.input : undefined;
  const by = settled.outcome === 'cancelled' ? '' : ` by ${readableLine(byText(settled), 120)}`;
  const line = (
    <p className={`decision-line decision-${settled.outcome}`}>
      <span className="decision-what">{asked[kind]}</span> <bdi>{decisionTitle(title, 160)}</bdi>{' '}
      <strong>
        {(kind === 'question' || kind === 'form') && settled.outcome === 'allow' ? 'answered' : outcome}
        {edited && ' as edited'}
        {by}
      </strong>
      {settled.message !== undefined && <span className="quiet"> “{readableLine(settled.message, 300)}”</span>}
    </p>
  );
  if (!edited) return line;
  return (
    <>
      {line}
      <details open>
        <summary className="quiet">What runs instead</summary>
        <Fields input={edited} />
      </details>
    </>
  );
});

const turnWords = { completed: 'Done', interrupted: 'Interrupted', failed: 'Failed' };

const TurnLine = memo(function TurnLine({
  finished,
  times,
}: {
  finished: Extract<Item, { kind: 'turn' }>['finished'];
  times: TurnTimes | undefined;
}) {
  const { usage, outcome, error, costUsd } = finished;
  const facts = [
    times?.startedAt === undefined ? undefined : durationText(Date.parse(finished.at) - Date.parse(times.startedAt)),
    costText(costUsd),
    `${countText(tokensIn(usage))} tokens in, ${countText(usage.outputTokens)} out`,
  ].filter((fact) => fact !== undefined);
  return (
    <div className={`turn-line turn-${outcome}`}>
      {error && <p className="problem">{readable(error.message)}</p>}
      <p>
        <strong>{turnWords[outcome]}</strong> {facts.join(' · ')}
      </p>
      <ForkHere chatId={finished.chatId} seq={finished.seq} />
    </div>
  );
});
