import { type Environment, environments } from '../api/request.ts';
import { keysCommand } from './base-path.ts';

/** Why the typed text cannot sign in; `goTo` is the environment in which it can, if any. */
export interface WrongKey {
  message: string;
  goTo?: Environment;
}

/** Number of characters after the prefix of a key, such as `prv_test_`. */
const keyLength = 32;

/**
 * What is wrong with the typed key and how to fix it; null if it looks like a private key of this
 * environment. Only the server knows whether it is valid.
 */
export function findFault(typed: string, environment: Environment): WrongKey | null {
  const text = typed.trim();
  const wanted = `prv_${environment}_`;
  const [, kind, of, rest = ''] = /^(prv|pub|wrt)_(test|live)_(.*)$/.exec(text) ?? [];
  if (kind === 'pub')
    return {
      message: `This is a public key of ${of}. It is for browsers, which may only read. Sign in with the private key, which starts with ${wanted}.`,
    };
  if (kind === 'wrt')
    return {
      message: `This is a write key of ${of}. It only sends events. Sign in with the private key, which starts with ${wanted}.`,
    };
  if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(text))
    return {
      message: `This is a user token. It is for one user of yours, who may only read. Sign in with the private key, which starts with ${wanted}.`,
    };
  if (kind === undefined) return { message: `This is not a key. The private key starts with ${wanted}.` };
  if (!/^[A-Za-z0-9]*$/.test(rest) || rest.length !== keyLength)
    return {
      message: `This key is not whole: after prv_${of}_ come ${keyLength} letters and digits, and here are ${rest.length} characters. Copy it again.`,
    };
  const other = environments.find((each) => each === of && each !== environment);
  return other === undefined
    ? null
    : {
        message: `This is a private key of ${other}, and you are signing in to ${environment}. Sign in to ${other} with it, or use one that starts with ${wanted}.`,
        goTo: other,
      };
}

/** The message when the server does not know the key. */
export const unknownKey = (environment: Environment): string =>
  `No such key: it has been revoked, or belongs to another server. Make one where this server runs: ${keysCommand()} create ${environment} private.`;
