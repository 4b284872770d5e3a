/** Browsers offer the Clipboard API only on secure pages; `execCommand` works on all. */
export async function copyText(text: string): Promise<void> {
  if ('clipboard' in navigator) return navigator.clipboard.writeText(text);
  const place = document.createElement('textarea');
  const held = document.activeElement;
  place.value = text;
  place.className = 'visually-hidden';
  // Content outside an open dialog cannot be selected.
  (document.querySelector('dialog[open]') ?? document.body).append(place);
  place.select();
  const isCopied = document.execCommand('copy');
  place.remove();
  if (held instanceof HTMLElement) held.focus();
  if (!isCopied) throw new Error('The browser did not allow copying.');
}
