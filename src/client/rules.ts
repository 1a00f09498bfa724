import { isUtf8 } from 'node:buffer';

/**
 * Reads the X-User-ID header; null if it is empty. HTTP does not define the encoding of non-ASCII text in
 * a header: browsers write ISO-8859-1, most other clients UTF-8. Node reads the former; text that is valid
 * UTF-8 is read as UTF-8.
 */
export function readUserId(header: string | null | undefined): string | null {
  const bytes = Buffer.from(header ?? '', 'latin1');
  return (isUtf8(bytes) ? bytes.toString('utf8') : header) || null;
}
