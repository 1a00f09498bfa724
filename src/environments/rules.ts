import { IANAZone } from 'luxon';
import { z } from 'zod';

/**
 * The name of an IANA time zone: a region and a place, or UTC. PostgreSQL reads names without a slash, such as CET, as
 * fixed offsets, where the IANA zone has summer time.
 */
export const TimeZone = z
  .string()
  .refine(
    (name) => name === 'UTC' || (name.includes('/') && IANAZone.isValidZone(name)),
    'must be the name of an IANA time zone, such as "Europe/Berlin", or "UTC"',
  );

/** A change of an environment's settings: an omitted field stays, null clears. */
export const EnvironmentChange = z.object({
  timeZone: TimeZone.nullish(),
  requireUserToken: z.boolean().nullish(),
});
export type EnvironmentChange = z.output<typeof EnvironmentChange>;

/** The time zone where none is set. */
export const defaultTimeZone = 'UTC';

export const unknownTimeZone = 'is a time zone that the database does not know';
