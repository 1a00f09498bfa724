/* The page, where there is one: on a server there is none. */

interface Emitter {
  addEventListener(event: string, listener: () => void): void;
  removeEventListener(event: string, listener: () => void): void;
}

const page = globalThis as { document?: Emitter & { visibilityState: string }; window?: Emitter };

export const isHidden = (): boolean => page.document?.visibilityState === 'hidden';

/** Calls back when the page becomes visible, and when the network comes back. Returns what ends that. */
export function onPageReturn(callback: () => void): () => void {
  const { document, window } = page;
  document?.addEventListener('visibilitychange', callback);
  window?.addEventListener('online', callback);
  return () => {
    document?.removeEventListener('visibilitychange', callback);
    window?.removeEventListener('online', callback);
  };
}
