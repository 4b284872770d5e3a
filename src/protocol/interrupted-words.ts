import type { InterruptedChoice } from './chat.ts';

/** Shown when the chat's setting changes. */
export const interruptedWords = (choice: InterruptedChoice): string =>
  choice === 'continue'
    ? 'A turn that the server did not survive continues by itself.'
    : 'A turn that the server did not survive stays interrupted.';
