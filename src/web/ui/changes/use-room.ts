import { type RefObject, useLayoutEffect, useState } from 'react';

/** How much fits beside each other. */
export type Room = 'narrow' | 'medium' | 'wide';

const roomOf = (width: number): Room => (width < 560 ? 'narrow' : width < 840 ? 'medium' : 'wide');

export function useRoom(place: RefObject<HTMLElement | null>): Room | undefined {
  const [room, setRoom] = useState<Room>();
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    setRoom(roomOf(element.clientWidth));
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) setRoom(roomOf(element.clientWidth));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [place]);
  return room;
}
