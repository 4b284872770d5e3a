/**
 * Where the focus of an open chat belongs: in the field. On a screen that is touched the field would bring up the keyboard,
 * which covers what there is to read; there it is the conversation.
 */
export function promptFocusTarget(): HTMLElement | null {
  if (!matchMedia('(pointer: coarse)').matches) return document.querySelector<HTMLElement>('textarea.prompt');
  // One that holds nothing yet gives way to another.
  return document.querySelector<HTMLElement>('.transcript:has(.row)') ?? document.getElementById('main');
}

/** Not taken from who writes somewhere else. */
export function focusPrompt(): void {
  const held = document.activeElement;
  const writing = held?.closest('dialog, .xterm, input:not([type=checkbox]), textarea, select') ?? null;
  if (writing === null) promptFocusTarget()?.focus({ preventScroll: true });
}
