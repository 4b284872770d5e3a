/**
 * Where focus belongs in an open chat: in the prompt field. On a touch screen that would open the keyboard over the
 * conversation, so there it is the conversation.
 */
export function promptFocusTarget(): HTMLElement | null {
  if (!matchMedia('(pointer: coarse)').matches) return document.querySelector<HTMLElement>('textarea.prompt');
  // The transcript is replaced when the first messages arrive.
  return document.querySelector<HTMLElement>('.transcript:has(.row)') ?? document.getElementById('main');
}

/** Does nothing while the user is typing elsewhere. */
export function focusPrompt(): void {
  const held = document.activeElement;
  const writing = held?.closest('dialog, .xterm, input:not([type=checkbox]), textarea, select') ?? null;
  if (writing === null) promptFocusTarget()?.focus({ preventScroll: true });
}
