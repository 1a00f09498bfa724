import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino';
import { describeError } from './error-description.ts';
import { redact } from './redaction.ts';

/**
 * The log: JSON, one line an entry. It never holds a key, a token or an email. Who logs takes care of that;
 * every line is looked through once more before it is written.
 *
 * @param destination where the lines go; by default standard error
 */
export function createLog(
  level: LevelWithSilent,
  destination: DestinationStream = pino.destination(2),
): Logger {
  return pino(
    { level, serializers: { err: (error) => describeError(error) }, hooks: { streamWrite: redact } },
    destination,
  );
}
