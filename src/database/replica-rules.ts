/*
 * When a replica may be read, and how old what it shows is.
 *
 * Positions of the write-ahead log tell it. What was committed before an instant lies below the position that the primary
 * had then. So a replica that has replayed this position shows everything that was committed before that instant. No clocks
 * are compared, and nothing is written for it.
 */

/** A position in PostgreSQL's write-ahead log, in bytes from its start. */
export type Position = bigint;

/** Reads a position as PostgreSQL writes it, such as 16/B374D848. Null if it is none. */
export function parsePosition(text: string): Position | null {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return null;
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** Writes a position as PostgreSQL does. */
export const formatPosition = (position: Position): string =>
  [position >> 32n, position & 0xffff_ffffn].map((half) => half.toString(16).toUpperCase()).join('/');

/** Behind everything that is ever written. */
export const endOfLog: Position = 0xffff_ffff_ffff_ffffn;

/** What the primary says of itself. */
export interface PrimaryFacts {
  /** The system identifier, and the database in it: a replica has the same. */
  identity: string;
  /** Changes when another server becomes the primary. */
  timeline: string;
  /** The end of what is on disk. Standbys are sent no more than that. */
  position: Position;
}

/** What a replica says of itself. */
export interface ReplicaFacts {
  identity: string;
  /** The end of what it shows. Null: it is no standby. */
  position: Position | null;
}

/** At `atMs`, everything that was committed was below `position`. */
export interface Mark {
  atMs: number;
  position: Position;
}

/** The positions that the primary had at earlier instants, oldest first, all on one timeline. */
export interface Marks {
  timeline: string | null;
  list: readonly Mark[];
}

export const noMarks: Marks = { timeline: null, list: [] };

/** How old may be what a replica shows. Beyond it, the primary is read. */
export const maxAgeMs = 30_000;

/**
 * Adds what the primary said to a question that was asked at `atMs`. Marks of another timeline go: a standby that did not
 * follow the new primary may hold commits that were lost. Marks that are too old to help go too.
 */
export function addMark({ timeline, list }: Marks, primary: PrimaryFacts, atMs: number): Marks {
  const last = list.at(-1);
  const continues =
    primary.timeline === timeline && (last === undefined || primary.position >= last.position);
  const kept = continues ? list.filter((mark) => mark.atMs >= atMs - maxAgeMs) : [];
  return { timeline: primary.timeline, list: [...kept, { atMs, position: primary.position }] };
}

/** Why a replica is not read, as operators see it. */
export type Obstacle =
  | 'it does not answer'
  | 'it is no standby'
  | 'it is a replica of another database'
  | 'it does not follow the primary'
  | 'what it shows is too old';

/** What is known of a replica: why it is not read, or since when it may lack something. */
export type Reading = { obstacle: Obstacle } | { position: Position; completeUntilMs: number };

/**
 * Whether a replica may be read, from what both have said. The replica is asked first: then it is never ahead of its
 * primary. A replica without a mark has not yet replayed what the server found at its start, such as its migrations.
 */
export function readingOf(
  replica: ReplicaFacts | null,
  primary: PrimaryFacts | null,
  { list }: Marks,
  nowMs: number,
): Reading {
  if (replica === null) return { obstacle: 'it does not answer' };
  if (replica.position === null) return { obstacle: 'it is no standby' };
  if (primary !== null && replica.identity !== primary.identity)
    return { obstacle: 'it is a replica of another database' };
  if (primary !== null && replica.position > primary.position)
    return { obstacle: 'it does not follow the primary' };
  const { position } = replica;
  const mark = list.findLast((each) => each.position <= position);
  if (mark === undefined || nowMs - mark.atMs > maxAgeMs) return { obstacle: 'what it shows is too old' };
  return { position, completeUntilMs: mark.atMs };
}
