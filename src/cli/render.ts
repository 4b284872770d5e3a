/**
 * A chat's feed as text. Pure: items in, pieces of text out, no clock and no stream.
 *
 * A message is printed while it streams. Its stored event is the record: whatever was not printed yet is printed then,
 * so missed previews cost nothing and nothing appears twice. A sub-agent's text is printed when stored, indented,
 * because several may write at once.
 */
import type { Delta, Event, FeedItem, Info } from '../client/client.ts';
import { byText } from '../protocol/by-text.ts';
import { exactLine, linesOf, unseenParts } from '../protocol/exact-text.ts';
import { countOf } from '../protocol/count-text.ts';
import { engineText } from '../protocol/engine-text.ts';
import { rewindStartText, rewoundFilesText } from '../protocol/rewind-text.ts';
import { forkedText } from '../protocol/fork-text.ts';
import { acceptanceWords, incomingWords } from '../protocol/incoming-words.ts';
import { cutOffText } from '../protocol/cut-off-text.ts';
import { hostWords } from '../protocol/host-words.ts';
import { interruptedWords } from '../protocol/interrupted-words.ts';
import { scheduledText, scheduleLine } from '../protocol/schedule-text.ts';
import { suspendedText } from '../protocol/suspended-text.ts';
import { plain, row, rowsText } from './card-rows.ts';
import { answeredText, decisionRows } from './decision-text.ts';
import { blocksText, planLines, resultLines, toolLine, turnSummary } from './event-text.ts';
import { holdText } from './hold-text.ts';
import { cutText, plainLine, plainText } from './plain-text.ts';
import { type Style, unstyled } from './style.ts';

export interface Piece {
  to: 'out' | 'err';
  text: string;
}

export interface RendererOptions {
  /** The server's engines, for their labels. */
  backends?: Info['backends'];
  outStyle: Style;
  errStyle: Style;
  /** Everything, prompts and decisions too, as for a log; otherwise only what a turn says and does. */
  log: boolean;
  /** The width at print time, for text that is wrapped here and not by the terminal. */
  columns?: () => number;
  /** Diagnostics go to a screen, where a line can be rewritten. */
  canRewrite?: boolean;
  /** Prompts this reader wrote, which are on its screen already. */
  isOwnPrompt?: (promptId: string) => boolean;
}

export interface Renderer {
  render(item: FeedItem): Piece[];
  /** Shows what the chat is waiting for. With the same key it replaces the previous text, if possible. */
  tellWait(key: string, text: string): Piece[];
  /** Ends an unfinished line, so that something else can be printed. */
  breakLine(): Piece[];
}

/** A message in progress. */
interface Draft {
  /** How much of it the previews since the last `resume` contained. */
  seen: number;
  /** How much of it is on the screen. */
  printed: string;
}

type Voice = 'message' | 'thought';

export function createRenderer(options: RendererOptions): Renderer {
  const { outStyle, errStyle, columns = () => 80 } = options;
  const drafts = new Map<string, Draft>();
  const finished = new Set<string>();
  const toolLines = new Map<string, string>();
  let speaking: string | undefined;
  let lastLine: string | undefined;
  let atLineStart = true;
  let empty = true;
  let pieces: Piece[] = [];
  /** The last line, which is being rewritten, and its newest text if it could not be rewritten. */
  let counted: { key: string; unsaid?: Piece } | undefined;

  function out(text: string): void {
    if (text === '') return;
    pieces.push({ to: 'out', text });
    atLineStart = text.endsWith('\n');
    empty = false;
  }

  function endLine(): void {
    if (counted?.unsaid) pieces.push(counted.unsaid);
    counted = undefined;
    if (!atLineStart) out('\n');
    speaking = undefined;
    lastLine = undefined;
  }

  function line(text: string, parent?: string): void {
    endLine();
    out(`${parent === undefined ? '' : outStyle('dim', '  │ ')}${text}\n`);
  }

  // In a log, errors appear in sequence with everything else.
  const complaints = options.log ? 'out' : 'err';
  const complaintStyle = options.log ? outStyle : errStyle;

  function complain(format: Parameters<Style>[0], text: string): void {
    endLine();
    pieces.push({ to: complaints, text: `${complaintStyle(format, text)}\n` });
  }

  /** One line for something that happens repeatedly. */
  function count(key: string, format: Parameters<Style>[0], words: string): void {
    const text = `${complaintStyle(format, cutText(words, Math.max(20, columns() - 2)))}\n`;
    if (counted?.key !== key) {
      endLine();
      pieces.push({ to: complaints, text: options.canRewrite ? text : `${complaintStyle(format, words)}\n` });
      counted = { key };
    } else if (options.canRewrite) {
      pieces.push({ to: complaints, text: `\x1b[1A\r\x1b[2K${text}` });
    } else {
      counted.unsaid = { to: complaints, text: `${complaintStyle(format, words)}\n` };
    }
  }

  function say(key: string, voice: Voice, isFirst: boolean, text: string): void {
    if (text === '') return;
    if (speaking !== key) {
      endLine();
      speaking = key;
      if (voice === 'thought') out(outStyle('dim', isFirst ? '✻ ' : '… '));
      else if (!isFirst) out('…');
    }
    const words = plainText(text);
    // A style that spans a line end would leave its line unfinished.
    const styled = voice === 'thought' ? words.replace(/[^\n]+/g, (part) => outStyle('dim', part)) : words;
    out(styled);
  }

  function preview(delta: Delta): void {
    if (delta.type === 'tool_call_chunk' || delta.parentToolCallId !== undefined) return;
    const voice = delta.type === 'agent_message_chunk' ? 'message' : 'thought';
    const key = `${voice} ${delta.messageId}`;
    if (finished.has(key)) return;
    const draft = drafts.get(key) ?? { seen: 0, printed: '' };
    drafts.set(key, draft);
    const { text } = delta.content;
    // After a reconnect the message is sent again from its start.
    const fresh = text.slice(Math.max(0, draft.printed.length - draft.seen));
    draft.seen += text.length;
    say(key, voice, draft.printed === '', fresh);
    draft.printed += fresh;
  }

  function record(voice: Voice, event: Event & { type: 'agent_message' | 'agent_thought' }): void {
    const text = blocksText(event.content);
    if (event.parentToolCallId !== undefined) {
      for (const words of plainText(text).split('\n')) line(outStyle('dim', words), event.parentToolCallId);
      if (event.isPartial) line(outStyle('yellow', `· ${cutOffText}`), event.parentToolCallId);
      return;
    }
    const key = `${voice} ${event.messageId}`;
    const printed = drafts.get(key)?.printed ?? '';
    drafts.delete(key);
    finished.add(key);
    const known = commonLength(printed, text);
    // If a preview was lost in the middle, the rest starts on its own line.
    if (known < printed.length) endLine();
    say(key, voice, printed === '', text.slice(known));
    endLine();
    if (event.isPartial) line(outStyle('yellow', `· ${cutOffText}`));
  }

  function decide(event: Event & { type: 'decision_requested' }): void {
    endLine();
    out(rowsText(decisionRows({ ...event, id: event.decisionId }, { style: outStyle, columns: columns() })));
  }

  function show(event: Event): void {
    switch (event.type) {
      case 'prompt_accepted':
        if (options.isOwnPrompt?.(event.promptId)) return;
        endLine();
        if (options.log && !empty) out('\n');
        if (event.schedule) line(outStyle('dim', `· ${plainLine(scheduledText(event)!)}`));
        return out(
          `${outStyle('bold', `> ${plainText(blocksText(event.content)).trimEnd().replaceAll('\n', '\n> ')}`)}\n`,
        );
      case 'user_message':
        endLine();
        return out(
          `${outStyle('bold', `> ${plainText(blocksText(event.content)).trimEnd().replaceAll('\n', '\n> ')}`)}\n`,
        );
      case 'incoming_message': {
        const { kind, name } = event.origin;
        const who = name === undefined ? [] : [plain(' ('), ...exactLine(name, 100, { isProse: true }), plain(')')];
        const text = blocksText(event.content).replace(/\n+$/, '');
        const lines = [[plain(incomingWords(kind)), ...who, plain(':')], ...linesOf(unseenParts(text))];
        // Each row is marked, so none passes for a prompt, an answer or a card.
        const rows = lines.flatMap((parts) => row(parts, { style: unstyled, columns: columns() }, '◂ ', '◂ '));
        endLine();
        return out(rowsText(rows.map((each) => outStyle('yellow', each))));
      }
      case 'session_started': {
        const model = event.model === null ? '' : ` · ${plainLine(event.model)}`;
        return options.log
          ? line(outStyle('dim', `· session ${plainLine(event.sessionId)} · ${event.backend}${model}`))
          : undefined;
      }
      case 'agent_message':
        return record('message', event);
      case 'agent_thought':
        return record('thought', event);
      case 'tool_call': {
        const words = toolLine(event);
        toolLines.set(event.toolCallId, words);
        line(`${outStyle('cyan', '●')} ${words}`, event.parentToolCallId);
        lastLine = event.toolCallId;
        return;
      }
      case 'tool_call_update': {
        const words = toolLines.get(event.toolCallId);
        toolLines.delete(event.toolCallId);
        const lines = resultLines(event);
        // Several calls may run at once: say whose result this is.
        if (lastLine !== event.toolCallId && words !== undefined) {
          line(outStyle('dim', `↳ ${cutText(words, 60)}`), event.parentToolCallId);
        }
        const colour = event.status === 'failed' ? 'red' : 'dim';
        for (const text of lines) line(text === '' ? '' : `  ${outStyle(colour, text)}`, event.parentToolCallId);
        return;
      }
      case 'plan':
        for (const text of planLines(event.entries)) line(`  ${text}`);
        return;
      case 'notice': {
        const text = plainText(event.message);
        if (event.code === 'api_retry') return count('retry', 'yellow', `! ${text.replaceAll('\n', ' ')}`);
        if (event.level === 'info') return complain('dim', `· ${text}`);
        return complain(event.level === 'error' ? 'red' : 'yellow', `! ${text}`);
      }
      case 'current_mode_update':
        return line(outStyle('dim', `· permission mode: ${plainLine(event.permissionMode)}`));
      case 'current_model_update':
        return line(outStyle('dim', `· model: ${plainLine(event.model ?? 'the agent’s choice')}`));
      case 'current_effort_update':
        return line(outStyle('dim', `· effort: ${plainLine(event.effort ?? 'the agent’s choice')}`));
      case 'current_directory_update':
        return line(outStyle('dim', `· the agent works in ${plainLine(event.cwd, 4096)}`));
      case 'session_info_update':
        return line(outStyle('dim', `· title: ${plainLine(event.title)}`));
      case 'session_rewound':
        return line(outStyle('dim', `· the agent has forgotten ${countOf(event.promptIds.length, 'prompt')}`));
      case 'files_rewind_started':
        return line(outStyle('dim', `· ${rewindStartText(event)}`));
      case 'files_rewound':
        return line(outStyle('dim', `· ${rewoundFilesText(event)}`));
      case 'chat_forked':
        return line(outStyle('dim', `· ${forkedText}`));
      case 'background_tasks':
        for (const task of event.tasks) line(outStyle('dim', `· in the background: ${plainLine(task.description)}`));
        return;
      case 'decision_requested':
        return options.log ? decide(event) : undefined;
      case 'decision_resolved':
        return options.log ? line(outStyle('dim', `  ${answeredText(event)}`)) : undefined;
      case 'turn_finished':
        // Messages that were started and never stored were abandoned.
        drafts.clear();
        if (event.requeuedPromptIds)
          return complain('dim', `· ${plainText(event.error?.message ?? 'The prompt waits again.')}`);
        if (event.openDecisionIds) return complain('dim', `· ${plainText(suspendedText(event)!)}`);
        if (event.error) complain('red', `✗ ${plainText(event.error.message)}`);
        else if (event.outcome === 'interrupted') {
          // Whoever watches a turn of their own knows by whom.
          const { by, via } = event;
          const who = options.log && by !== undefined ? ` by ${plainLine(byText({ by, via }))}` : '';
          complain('yellow', `Interrupted${who}.`);
        }
        return line(outStyle('dim', turnSummary(event)));
      case 'chat_updated':
        if (event.acceptsAgentMessages !== undefined)
          line(outStyle('yellow', `· ${acceptanceWords(event.acceptsAgentMessages)}`));
        if (event.onInterrupted !== undefined) line(outStyle('yellow', `· ${interruptedWords(event.onInterrupted)}`));
        for (const words of hostWords(event)) line(outStyle('dim', `· ${plainLine(words, 200)}`));
        if (event.cwd !== undefined) line(outStyle('dim', `· the chat continues in ${plainLine(event.cwd, 4096)}`));
        if (event.cwd !== undefined && event.trusted === false)
          line(outStyle('yellow', '· that directory is not trusted: see `boocode trust`'));
        return event.backend
          ? line(outStyle('dim', `· the chat continues with the ${engineText(event.backend, options.backends)}`))
          : undefined;
      case 'prompt_cancelled':
        return options.log ? line(outStyle('dim', `· prompt ${plainLine(event.promptId)} was cancelled`)) : undefined;
      case 'queue_held':
        return complain('yellow', `! ${holdText(event, event.chatId, Date.parse(event.at))}`);
      case 'queue_resumed':
        return line(outStyle('dim', `· the waiting prompts resume (${plainLine(byText(event))})`));
      case 'schedule_created':
      case 'schedule_paused':
      case 'schedule_resumed':
      case 'schedule_removed':
      case 'schedule_skipped':
        return line(outStyle('dim', `· ${plainLine(scheduleLine(event), 300)}`));
      case 'prompts_reordered':
      case 'turn_started':
      case 'usage_update':
      case 'available_commands_update':
        return;
    }
  }

  function resume(item: FeedItem & { kind: 'resume' }): void {
    for (const draft of drafts.values()) draft.seen = 0;
    if (item.verdict === 'ok') return;
    drafts.clear();
    finished.clear();
    complain('yellow', '! The log has changed on the server; it is shown from its beginning.');
  }

  function collect(work: () => void): Piece[] {
    pieces = [];
    work();
    return pieces;
  }

  return {
    render: (item) =>
      collect(() => {
        if (item.kind === 'event') show(item.event);
        else if (item.kind === 'delta') preview(item.delta);
        else resume(item);
      }),
    tellWait: (key, text) =>
      collect(() => {
        // If it cannot be rewritten, once is enough.
        if (counted?.key !== key || options.canRewrite) count(key, 'dim', `· ${plainLine(text, 500)}`);
      }),
    breakLine: () =>
      collect(() => {
        // Text printed in between, a question for example, belongs to the same call.
        const line = lastLine;
        endLine();
        lastLine = line;
      }),
  };
}

function commonLength(a: string, b: string): number {
  if (b.startsWith(a)) return a.length;
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
