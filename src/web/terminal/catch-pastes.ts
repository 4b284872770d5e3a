/**
 * Intercepts text pasted or dropped into an element before xterm sees it. xterm would pass it on unchanged, and an
 * end-of-paste sequence inside it would turn the rest into key presses. Also stops the browser from opening dropped
 * files.
 */
export function catchPastes(place: HTMLElement, paste: (text: string) => void): () => void {
  const take = (event: Event, data: DataTransfer | null): void => {
    event.preventDefault();
    event.stopPropagation();
    const text = data?.getData('text/plain') ?? '';
    if (text !== '') paste(text);
  };
  const stop = new AbortController();
  const options = { capture: true, signal: stop.signal };
  place.addEventListener('paste', (event) => take(event, event.clipboardData), options);
  place.addEventListener('dragover', (event) => event.preventDefault(), options);
  place.addEventListener('drop', (event) => take(event, event.dataTransfer), options);
  return () => stop.abort();
}
