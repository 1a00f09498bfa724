import { useRef } from 'react';

/**
 * Idempotency keys for what a dialog sends. The same input has the same key, so a retry after a lost answer takes effect
 * once. Other input gets a new key.
 */
export function useRepeatKey(): (input: object) => string {
  const last = useRef({ text: '', key: '' });
  return (input) => {
    const text = JSON.stringify(input);
    if (text !== last.current.text) last.current = { text, key: `console-${randomHex()}` };
    return last.current.key;
  };
}

/** `crypto.randomUUID` exists only where the page came over HTTPS. */
const randomHex = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
