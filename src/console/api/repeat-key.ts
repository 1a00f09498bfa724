import { useRef } from 'react';

/**
 * Idempotency keys for what a dialog sends: the same for the same input, so that whoever sends it again after a lost answer
 * gives it once. Other input is another wish, with a key of its own.
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
