import { useEffect, useRef } from 'react';

/**
 * Scrolls a line of tabs to the open one, which on a phone may be outside of it.
 *
 * @param selector finds the open tab
 */
export function useOpenTab(selector: string) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const line = ref.current;
    const tab = line?.querySelector<HTMLElement>(selector);
    if (line && tab) line.scrollLeft = tab.offsetLeft - (line.clientWidth - tab.offsetWidth) / 2;
  });
  return ref;
}
