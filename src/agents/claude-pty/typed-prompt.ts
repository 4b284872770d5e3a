/**
 * A prompt as keys. The program treats a paste as text, except where that would make it a command: a leading `/` or
 * `!`, the word `exit` and similar, a trailing backslash. Anything that could end the paste is made visible instead.
 */
import type { ContentBlock } from '../../protocol/content.ts';
import { BooError } from '../../protocol/error.ts';
import { visiblePart } from '../claude/mapping/prompt-words.ts';
import { pasteEnd, pasteStart, withoutControls } from '../../terminal/pasted-text.ts';

/**
 * Clears some lines of the input, and leaves its shell mode. Ctrl-Y restores what was there. Not Ctrl-C, which ends the
 * program if it was pressed a moment ago; and not more keys at once, which would count as a paste.
 */
export const clearInput = `\x05${'\x15'.repeat(12)}\x7f`;
export const enter = '\r';
export const escape = '\x1b';

/** A space that the program does not treat as white space, so that the following text is not at the start. */
const guard = '\u2800';
/** Checked on the visible part of a prompt. */
const command = /^([/!]|(exit|quit|:q!?|:wq!?)$|$)/i;

// A larger paste reaches the model marked as pasted, with its line breaks changed. If there are very many pieces, as in
// a prompt with many lines, the program drops them.
const pieceLength = 600;
const pieceLines = 2;
const maxPieces = 500;
const maxPiecedLength = 32_768;

// A terminal passes on 4,095 bytes at a time. A busy program may mistake the start of a sequence that is cut there for
// Escape: so at most two batches are pending, and each ends at the end of a sequence.
const batchBytes = 2_000;

export interface TypedPrompt {
  /** Batches that type the prompt and submit it; each is sent once the one before was read. */
  batches: string[];
  /** Too long for several pastes: the model receives it between tags that say so. */
  isMarked: boolean;
}

/** Throws `invalid_request` for content that cannot be typed. */
export function typedPrompt(content: readonly ContentBlock[]): TypedPrompt {
  const text = content
    .map((block) => {
      if (block.type === 'text') return block.text;
      throw new BooError(
        'invalid_request',
        'content: a terminal accepts only text. Flip the chat to claude_sdk for images.',
        {
          details: { field: 'content' },
        },
      );
    })
    .join('\n\n');
  const typed = guarded(withoutControls(text));
  const pieces = typed.length > maxPiecedLength ? [] : piecesOf(typed);
  const isMarked = typed.length > maxPiecedLength || pieces.length > maxPieces;
  const pastes = isMarked ? [typed] : pieces;
  return { batches: batchesOf(pastes.map((piece) => `${pasteStart}${piece}${pasteEnd}`)), isMarked };
}

function batchesOf(pastes: readonly string[]): string[] {
  const batches: string[] = [];
  let batch = '';
  for (const paste of pastes) {
    if (batch !== '' && Buffer.byteLength(batch) + Buffer.byteLength(paste) > batchBytes) {
      batches.push(batch);
      batch = '';
    }
    batch += paste;
  }
  // The end of a long paste could be cut anywhere.
  if (Buffer.byteLength(batch) > batchBytes) {
    batches.push(batch.slice(0, -pasteEnd.length));
    batch = pasteEnd;
  }
  return [...batches, batch + enter];
}

function guarded(text: string): string {
  const begun = command.test(visiblePart(text)) ? guard + text : text;
  // A backslash before Enter would turn it into a line break; trailing white space is dropped.
  return /\\\s*$/.test(begun) ? `${begun} ` : begun;
}

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  let lines = 0;
  for (const line of text.split(/(?<=\n)/)) {
    for (const part of partsOf(line)) {
      if (piece !== '' && (lines === pieceLines || piece.length + part.length > pieceLength)) {
        pieces.push(piece);
        piece = '';
        lines = 0;
      }
      piece += part;
      if (part.endsWith('\n')) lines += 1;
    }
  }
  return piece === '' ? pieces : [...pieces, piece];
}

/** Splits a long line, never inside a surrogate pair. */
function partsOf(line: string): string[] {
  const parts: string[] = [];
  for (let start = 0; start < line.length;) {
    let end = Math.min(start + pieceLength, line.length);
    if (end < line.length && /[\ud800-\udbff]/.test(line[end - 1] ?? '')) end -= 1;
    parts.push(line.slice(start, end));
    start = end;
  }
  return parts;
}
