import { isDeepStrictEqual } from 'node:util';

/** How a change was made. */
export type AuthorKind = 'PRIVATE_KEY' | 'CONSOLE' | 'COMMAND' | 'SERVER';

/** The kinds of audited objects. */
export type AuditSubject =
  | 'FEATURE'
  | 'PACKAGE'
  | 'USER'
  | 'SUBSCRIPTION'
  | 'MAPPING_RULE'
  | 'ENVIRONMENT'
  | 'API_KEY'
  | 'IMPORT'
  | 'TOKEN_SECRET'
  | 'USAGE'
  | 'FEATURE_GRANT'
  | 'WEBHOOK'
  | 'TOP_UP'
  | 'BILLING'
  | 'MIGRATION'
  | 'MEMBER'
  | 'INVITATION'
  | 'SESSION';

/** The author of a change, in one environment. */
export interface Author {
  environmentId: string;
  kind: AuthorKind;
  /** The key that was used; null for commands and for the server itself. */
  keyId: string | null;
  lastFour: string | null;
  /** The member who was signed in to the console; null for everybody else. */
  memberId: string | null;
  /** The id of the request, as in the log; null if there is none. */
  requestId: string | null;
  /** What the client called that request; see RequestContext. */
  clientRequestId: string | null;
}

/** A change by the server or a command, without a request. */
export const ownAuthor = (kind: 'COMMAND' | 'SERVER', environmentId: string): Author => ({
  environmentId,
  kind,
  keyId: null,
  lastFour: null,
  memberId: null,
  requestId: null,
  clientRequestId: null,
});

/** The author in words, such as `Ana Silva (ana@example.com)` or `Console, key "Ana" …x7Qd`. */
export function labelOf({
  kind,
  lastFour,
  keyName = null,
  member = null,
}: {
  kind: AuthorKind;
  lastFour: string | null;
  keyName?: string | null;
  member?: { name: string; email: string } | null;
}): string {
  if (member !== null) return `${member.name} (${member.email})`;
  const words = {
    PRIVATE_KEY: 'Private key',
    CONSOLE: 'Console, key',
    COMMAND: 'Command line',
    SERVER: 'Server',
  };
  const name = keyName === null ? '' : ` "${keyName}"`;
  return lastFour === null ? words[kind] : `${words[kind]}${name} …${lastFour}`;
}

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Fields = Record<string, Json>;

/** The audited state of an object at one moment. */
export interface State {
  /** The public id. */
  subjectId: string;
  /** The user that it belongs to. */
  userKey: bigint | null;
  fields: Fields;
  /** Personal fields: the log names the changed ones, without their values. */
  personal: Fields;
}

export interface Difference {
  subjectId: string;
  userKey: bigint | null;
  /** The changed fields; null if the object did not exist. */
  before: Fields | null;
  after: Fields | null;
  /** The names of the personal fields that changed. */
  withheld: string[];
}

/**
 * The difference between two states; undefined means that the object did not exist. Null if nothing
 * changed. A created or deleted object lists all its non-empty fields.
 */
export function difference(before: State | undefined, after: State | undefined): Difference | null {
  const known = after ?? before;
  if (known === undefined) return null;
  const names = changedNames(before?.fields, after?.fields);
  const withheld = changedNames(before?.personal, after?.personal);
  if (before !== undefined && after !== undefined && names.length + withheld.length === 0) return null;
  return {
    subjectId: known.subjectId,
    userKey: known.userKey,
    before: before === undefined ? null : pick(before.fields, names),
    after: after === undefined ? null : pick(after.fields, names),
    withheld,
  };
}

/** A missing value and an empty object count as the same. */
const settled = (value: Json | undefined) =>
  value === undefined || isDeepStrictEqual(value, {}) ? null : value;

function changedNames(before: Fields = {}, after: Fields = {}): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(settled(before[name]), settled(after[name])));
}

const pick = (fields: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(names.map((name) => [name, fields[name] ?? null]));
