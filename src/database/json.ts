import { Prisma } from './generated/client.ts';

/** Returns the value to write to a JSON column: undefined keeps the column, null clears it. */
export function jsonValue(value: Record<string, unknown> | null | undefined) {
  return value === null ? Prisma.DbNull : (value as Prisma.InputJsonObject | undefined);
}
