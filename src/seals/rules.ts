import { createHash } from 'node:crypto';

/**
 * The logs that only grow: the ledger of usage, the audit log, what records their few changes, and the sums that old parts of
 * the ledger were replaced by.
 */
export const logs = ['LEDGER', 'AUDIT', 'AMENDMENTS', 'SUMS'] as const;
export type Log = (typeof logs)[number];

/** A closed range of rows of a log: those with ids after `afterId`, up to `lastId`. */
export interface Seal {
  log: Log;
  /** 1 for the first of the log, and so on. */
  number: number;
  afterId: bigint;
  lastId: bigint;
  rowCount: number;
  /** The hash of the hashes of the rows, in the order of their ids. */
  digest: Uint8Array;
  /** Chains this seal to the one before; see chainHash. */
  hash: Uint8Array;
  sealedAt: Date;
  /** Of sums: the last amendment of the ledger when they were sealed. */
  amendedTo: bigint | null;
}

/** The first range of a log holds whatever id is smaller than the first one that the server gives. */
export const beforeAllIds = -(2n ** 63n);

/** The hash of a seal: it covers the range, the rows, and by the hash before it every earlier seal. */
export function chainHash(previous: Uint8Array | null, seal: Omit<Seal, 'hash'>): Uint8Array {
  const { log, number, afterId, lastId, rowCount, sealedAt, amendedTo } = seal;
  const more = amendedTo === null ? [] : [`${amendedTo}`];
  return createHash('sha256')
    .update(previous ?? new Uint8Array())
    .update(JSON.stringify([log, number, `${afterId}`, `${lastId}`, rowCount, sealedAt.getTime(), ...more]))
    .update(seal.digest)
    .digest();
}

/** What the rows of a sealed range are now, with what amendments say of them undone. */
export interface Found {
  rowCount: number;
  digest: Uint8Array;
  /** Whether each row that was amended is what its last amendment left. */
  amendmentsHold: boolean;
  /** Whether sums took the place of all rows: then only the chain can be proven. */
  isDropped: boolean;
}

/** Why a seal does not hold. */
export type Broken = 'CHAIN' | 'ROWS';

/** Whether a seal follows from the one before it, and its rows are those that were sealed. Null if all is well. */
export function brokenBy(seal: Seal, previous: Seal | null, found: Found): Broken | null {
  const follows =
    seal.number === (previous?.number ?? 0) + 1 && seal.afterId === (previous?.lastId ?? beforeAllIds);
  if (!follows || !isSame(seal.hash, chainHash(previous?.hash ?? null, seal))) return 'CHAIN';
  if (found.isDropped) return null;
  const asSealed = found.rowCount === seal.rowCount && isSame(found.digest, seal.digest);
  return asSealed && found.amendmentsHold ? null : 'ROWS';
}

const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
