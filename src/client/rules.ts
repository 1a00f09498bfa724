import { isUtf8 } from 'node:buffer';

/**
 * Reads the X-User-ID header; null if it names nobody. HTTP says nothing of how text beyond ASCII is written in
 * a header: browsers write ISO-8859-1, most other clients UTF-8. Node reads the former; what could be the
 * latter is taken for it.
 */
export function readUserId(header: string | null | undefined): string | null {
  const bytes = Buffer.from(header ?? '', 'latin1');
  return (isUtf8(bytes) ? bytes.toString('utf8') : header) || null;
}
