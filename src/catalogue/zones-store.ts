import type { Db } from '../database/client.ts';
import { unknownTimeZone } from '../environments/rules.ts';
import { findUnknownTimeZones } from '../environments/store.ts';
import { invalidInput } from '../errors.ts';
import type { DesiredPackage } from './file/rules.ts';

/** @throws ValidationError if the database does not know a time zone of the packages */
export async function requireTimeZones(db: Db, packages: readonly DesiredPackage[]): Promise<void> {
  const named = packages.flatMap(({ features }) => features.flatMap(({ timeZone }) => timeZone ?? []));
  const [unknown] = await findUnknownTimeZones(db, named);
  if (unknown !== undefined) throw invalidInput('yaml', `time_zone "${unknown}" ${unknownTimeZone}`);
}
