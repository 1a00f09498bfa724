import type { Db } from '../../database/client.ts';

/** The last uses of keys, written in the background. */
export interface LastUses {
  /** Notes that a key was used in this minute: milliseconds since 1970, by the database's clock. */
  note(keyId: string, minute: number): void;
  /** Writes what is noted, and stops. */
  close(): Promise<void>;
}

/** Beyond this, more keys are noted when these are written. */
const maxNoted = 10_000;

/**
 * Each key is written at most once a minute. A failed write is tried again with the next one: the last use is never worth
 * the failure of a request.
 */
export function createLastUses(db: Db, delayMs = 5_000): LastUses {
  const noted = new Map<string, number>();
  const written = new Map<string, number>();
  let timer: NodeJS.Timeout | null = null;

  async function write(): Promise<void> {
    timer = null;
    const uses = [...noted];
    noted.clear();
    try {
      await writeUses(db, uses);
      if (written.size > maxNoted) written.clear();
      for (const [keyId, minute] of uses) written.set(keyId, minute);
    } catch {
      for (const [keyId, minute] of uses) if (!noted.has(keyId)) noted.set(keyId, minute);
    }
  }
  return {
    note(keyId, minute) {
      if ((written.get(keyId) ?? 0) >= minute || noted.size >= maxNoted) return;
      noted.set(keyId, minute);
      timer ??= setTimeout(write, delayMs).unref();
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      if (noted.size > 0) await write();
    },
  };
}

/** Skips keys that are locked: whoever revokes a key does not wait, nor is waited for. */
async function writeUses(db: Db, uses: readonly [keyId: string, minute: number][]): Promise<void> {
  await db.$executeRaw`
    WITH used AS (
      SELECT id, to_timestamp(minute / 1000) AS at
        FROM unnest(${uses.map(([id]) => id)}::uuid[], ${uses.map(([, minute]) => minute)}::float8[]) AS u (id, minute)),
    free AS (
      SELECT k.id, used.at FROM api_key k JOIN used ON used.id = k.id
       WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
       ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED)
    UPDATE api_key k SET last_used_at = free.at FROM free WHERE k.id = free.id`;
}
