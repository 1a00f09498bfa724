import { isDeepStrictEqual } from 'node:util';

/** How somebody came to change something. */
export type AuthorKind = 'PRIVATE_KEY' | 'CONSOLE' | 'COMMAND' | 'SERVER';

/** What the audit log tells changes of. */
export type AuditSubject =
  | 'FEATURE'
  | 'PACKAGE'
  | 'USER'
  | 'SUBSCRIPTION'
  | 'MAPPING_RULE'
  | 'API_KEY'
  | 'IMPORT'
  | 'TOKEN_SECRET';

/** Who changes something, and in which environment. */
export interface Author {
  environmentId: string;
  kind: AuthorKind;
  /** The key that was shown; null where there is none: on the command line, and at the start of the server. */
  keyId: string | null;
  lastFour: string | null;
  /** The request by which it happened, as in the log; null if there is none. */
  requestId: string | null;
}

/** A process of ours that changes something without being asked by a request. */
export const ownAuthor = (kind: 'COMMAND' | 'SERVER', environmentId: string): Author => ({
  environmentId,
  kind,
  keyId: null,
  lastFour: null,
  requestId: null,
});

/** The author in words, such as `Console, key …x7Qd`. */
export function labelOf({ kind, lastFour }: { kind: AuthorKind; lastFour: string | null }): string {
  const words = {
    PRIVATE_KEY: 'Private key',
    CONSOLE: 'Console, key',
    COMMAND: 'Command line',
    SERVER: 'Server',
  };
  return lastFour === null ? words[kind] : `${words[kind]} …${lastFour}`;
}

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Fields = Record<string, Json>;

/** What can be changed of a subject, at one moment. */
export interface State {
  /** Its id as the API knows it. */
  subjectId: string;
  /** The user whom it concerns. */
  userKey: bigint | null;
  fields: Fields;
  /** What is about a person: that it changed is told, its values are not. */
  personal: Fields;
}

export interface Difference {
  subjectId: string;
  userKey: bigint | null;
  /** The fields that changed; null for what was not there. */
  before: Fields | null;
  after: Fields | null;
  /** The names of the personal fields that changed. */
  withheld: string[];
}

/**
 * What changed between two moments, undefined being a moment at which the subject was not there; null if nothing
 * did. Of what was made or deleted, all fields are told that held something.
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

/** Nothing, and an object without anything in it, are the same: nobody set it. */
const settled = (value: Json | undefined) =>
  value === undefined || isDeepStrictEqual(value, {}) ? null : value;

function changedNames(before: Fields = {}, after: Fields = {}): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(settled(before[name]), settled(after[name])));
}

const pick = (fields: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(names.map((name) => [name, fields[name] ?? null]));
