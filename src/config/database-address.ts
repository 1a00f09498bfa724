import { z } from 'zod';
import { StartupError } from '../errors.ts';

/** Returns what is wrong with a database address, or null. Never quotes the address: it contains a password. */
function addressProblem(text: string): string | null {
  const [, authority, path = '', query = ''] =
    /^postgres(?:ql)?:\/\/([^/?#]*)([^?#]*)(.*)$/s.exec(text) ?? [];
  if (authority === undefined) return 'must be an address like postgresql://user:password@host:5432/database';
  // An unencoded /, ? or # in the password moves the @ into the path or the query.
  const isCutShort = path.includes('@') || query.includes('#') || /^\?[^=]*@/.test(query);
  if (isCutShort || !isDecodable(authority + path))
    return 'has a character that must be percent-encoded: %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %';
  const parameters = new URLSearchParams(query);
  const hosts = parameters.get('host') ?? authority.slice(authority.lastIndexOf('@') + 1);
  if (parameters.get('host')?.includes(','))
    return 'names several hosts in a parameter: name them before the path, as in host1:5432,host2:5432';
  if (hosts.includes(',') && !/^(read-write|primary)$/.test(parameters.get('target_session_attrs') ?? ''))
    return 'names several hosts: add target_session_attrs=read-write, so that the primary is found among them';
  if (hosts.split(',').some((host, _, all) => host === '' && all.length > 1))
    return 'must be an address like postgresql://user:password@host:5432/database';
  if ((parameters.get('schema') ?? 'public') !== 'public')
    return 'asks for a schema: tables are kept in the schema public, so give Open Kana a database of its own';
  // An address without a host means a local socket.
  const isAddress = addressesOf(text).every((each) => URL.canParse(each.replace('@/', '@localhost/')));
  return isAddress ? null : 'must be an address like postgresql://user:password@host:5432/database';
}

/** Returns an address for each host that a valid address names. Most name one. */
export function addressesOf(url: string): string[] {
  const [, start = '', hosts = '', end = ''] = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s.exec(url) ?? [];
  if (!hosts.includes(',')) return [url];
  const rest = end.replace(/([?&])target_session_attrs=[^&]*&?/, '$1').replace(/[?&]$/, '');
  return hosts.split(',').map((host) => `${start}${host}${rest}`);
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

/**
 * The driver treats these modes as `verify-full`, and prints a long warning about it unless the address says
 * `verify-full` or `uselibpqcompat=true`.
 */
const withVerifyFull = (text: string) =>
  text.includes('uselibpqcompat=true')
    ? text
    : text.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');

export const databaseUrl = z
  .string()
  .superRefine((text, context) => {
    const problem = addressProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  })
  .transform(withVerifyFull);

/** An address that is given elsewhere than in a variable. @throws StartupError that names where, not the address */
export function readDatabaseUrl(text: string, name: string): string {
  const { data, error } = databaseUrl.safeParse(text);
  if (data === undefined) throw new StartupError(`${name} ${error.issues[0]?.message}.`);
  return data;
}
