/**
 * A prompt as keys. The program takes what is pasted as text, with exceptions that would make a command of it: a first
 * `/` or `!`, the word `exit` and its like, a last backslash. Whatever could end the paste is made visible instead.
 */
import type { ContentBlock } from '../../protocol/content.ts';
import { BooError } from '../../protocol/error.ts';
import { pasteEnd, pasteStart, withoutControls } from '../../terminal/pasted-text.ts';

/**
 * Clears some lines of the input, and leaves its shell mode. What was there can be had back with Ctrl-Y. Not Ctrl-C, which
 * ends the program when it was pressed a moment ago; and not more keys at once, which would be taken for a paste.
 */
export const clearInput = `\x05${'\x15'.repeat(12)}\x7f`;
export const enter = '\r';
export const escape = '\x1b';

/** A blank that is not white space to the program, so that what follows it is not the beginning of the text. */
const guard = '\u2800';
/** On what can be seen of a prompt: the program takes invisible characters out before it looks for a command. */
const command = /^([/!]|(exit|quit|:q!?|:wq!?)$|$)/i;
const unseen = /[^\p{L}\p{N}\p{P}\p{S}]|\p{Default_Ignorable_Code_Point}/gu;

// What is pasted at once beyond this is handed to the model marked as pasted, and its line breaks are no longer the
// prompt's own. Of very many pieces, as a prompt of many lines is, the program takes none.
const pieceLength = 600;
const pieceLines = 2;
const maxPieces = 500;
const maxPiecedLength = 32_768;

// A terminal hands over 4,095 bytes at a time. A busy program may take the beginning of a sequence that is cut there for
// the key Escape: so no more than two batches wait for it, and each ends where a sequence does.
const batchBytes = 2_000;

export interface TypedPrompt {
  /** They type the prompt and submit it, one after another, each once the one before was read. */
  batches: string[];
  /** So long that it goes in one paste: the model gets it between marks that say so. */
  isMarked: boolean;
}

/** Throws `invalid_request` for content that cannot be typed. */
export function typedPrompt(content: readonly ContentBlock[]): TypedPrompt {
  const text = content
    .map((block) => {
      if (block.type === 'text') return block.text;
      throw new BooError(
        'invalid_request',
        'content: a terminal takes text only. Flip the chat to claude_sdk for images.',
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
  // The end of a long paste would be cut anywhere.
  if (Buffer.byteLength(batch) > batchBytes) {
    batches.push(batch.slice(0, -pasteEnd.length));
    batch = pasteEnd;
  }
  return [...batches, batch + enter];
}

function guarded(text: string): string {
  const begun = command.test(text.normalize('NFKC').replace(unseen, '')) ? guard + text : text;
  // A backslash before Enter would make a line break of it; white space at the end is dropped.
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

/** A long line in parts, never between the two halves of a character. */
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
