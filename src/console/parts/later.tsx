import { type ReactNode, useDeferredValue } from 'react';
import { useNavigationType } from 'react-router';

/**
 * Whether the rest of a page may be drawn: after its beginning was shown. At once where the browser goes back, since it
 * then scrolls to where one was.
 */
export function useIsLater(): boolean {
  const isBack = useNavigationType() === 'POP';
  return useDeferredValue(true, isBack);
}

/** The part of a page that is below what one sees first. */
export const Later = ({ children }: { children: ReactNode }) => useIsLater() && children;
