import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino';
import { describeError } from './error-description.ts';
import { redact } from './redaction.ts';

/**
 * The log: JSON, one line for each entry. It never holds a key, a token or an email. Callers leave them out, and
 * every line is redacted once more before it is written.
 *
 * @param destination where the lines go. By default standard error
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
