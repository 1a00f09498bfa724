import { parseExactJson } from '../exact-json.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What a body holds; throws what is wrong with it if that is not JSON in UTF-8. */
export function parseJson(body: Buffer): unknown {
  return parseExactJson(utf8.decode(body));
}

/** What a body holds; undefined, which no JSON says, if that is not JSON in UTF-8. */
export function readJson(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}
