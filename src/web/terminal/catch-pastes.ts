/**
 * Catches what is pasted or dropped into an element before xterm does. xterm would hand it on as it is, so that an end of
 * paste in it would make keys of what follows. Files are kept from being opened in place of the page.
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
