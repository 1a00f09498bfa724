import { redact } from './redaction.ts';

/** How much of a message is kept, in characters. */
const maxMessage = 2_000;
/** How many nested causes are described. */
const maxCauses = 4;

/** PostgreSQL's fields that say where it failed. `detail` and `where` are left out: they quote rows. */
const locationFields = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'] as const;

/** SQLSTATEs and Prisma's codes for a value that does not fit. Their messages quote the value. */
const aboutValues = /^(22...|P20(00|05|06|07|20|23|33))$/;

/**
 * An error as the log may hold it: its type, where it happened, and its cause. Only the fields listed here are
 * taken: drivers add a statement's values to their errors, and those may be personal.
 */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, stack, cause } = error;
  const behind = cause ?? driverErrorOf(error);
  return {
    type: name,
    message: quotesValue(error)
      ? '(left out: it quotes a value)'
      : redact(ownMessage(error).slice(0, maxMessage)),
    ...locationOf(error),
    stack: framesOf(stack),
    ...(behind === undefined || depth >= maxCauses
      ? {}
      : { cause: describeError(asError(behind), depth + 1) }),
  };
}

/** Prisma's messages begin with the call and its arguments. The last line says what was wrong. */
const ownMessage = ({ name, message }: Error): string =>
  name.startsWith('PrismaClient') ? message.slice(message.lastIndexOf('\n') + 1) : message;

/** Whether the message may quote a value that PostgreSQL or a parser could not read. */
function quotesValue(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > maxCauses) return false;
  if (error instanceof SyntaxError) return true;
  const { code, originalCode, cause } = error as { code?: unknown; originalCode?: unknown; cause?: unknown };
  if (aboutValues.test(String(code)) || aboutValues.test(String(originalCode))) return true;
  return quotesValue(cause, depth + 1) || quotesValue(driverErrorOf(error), depth + 1);
}

/** The driver's error, as Prisma keeps it. */
function driverErrorOf(error: object): unknown {
  const { meta } = error as { meta?: { driverAdapterError?: unknown } };
  return meta?.driverAdapterError;
}

/** Prisma keeps the driver's error as a plain object. */
function asError(cause: unknown): unknown {
  if (cause instanceof Error || typeof cause !== 'object' || cause === null) return cause;
  const { kind, originalCode, originalMessage, message } = cause as Record<string, unknown>;
  const error = new Error(String(originalMessage ?? message ?? ''));
  return Object.assign(error, { name: String(kind ?? 'Error'), code: originalCode, stack: undefined });
}

function locationOf(error: Error): Record<string, string> {
  const known = error as Partial<Record<(typeof locationFields)[number], unknown>>;
  const present = locationFields.filter((field) => typeof known[field] === 'string');
  return Object.fromEntries(present.map((field) => [field, redact(String(known[field]))]));
}

/** A stack begins with the message, which is described already. */
function framesOf(stack: string | undefined): string {
  const lines = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return redact(lines.map((line) => line.trim()).join('\n'));
}
