import { Prisma } from './generated/client.ts';

/** A JSON column's value for a write: undefined leaves it alone, null clears it. */
export function jsonValue(value: Record<string, unknown> | null | undefined) {
  return value === null ? Prisma.DbNull : (value as Prisma.InputJsonObject | undefined);
}
