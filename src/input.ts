import { z } from 'zod';
import { invalidInput } from './errors.ts';
import { holdsInexact } from './exact-json.ts';

/** The maximum size of metadata in bytes of UTF-8. */
export const maxMetadataBytes = 16 * 1024;
/** Values are walked recursively; the depth bounds the stack. */
const maxMetadataDepth = 100;

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;
const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);

/** Text that PostgreSQL can store and a person can see: no control characters, no half surrogate pairs. */
const Text = z
  .string()
  .max(255, 'must be at most 255 characters')
  .refine((text) => !controlCharacter.test(text), 'must not contain control characters')
  .refine(isWellFormed, 'must be well-formed Unicode');

/** An id that a customer chose: 1 to 255 characters, no control characters, not blank. */
export const Id = Text.refine((text) => text.trim() !== '', 'must not be blank');

/** Nearly every id: characters of ASCII, no spaces. */
const plainId = /^[!-~]{1,255}$/;

export const isPlainId = (value: unknown): value is string =>
  typeof value === 'string' && plainId.test(value);

/** Reads an id. The schema costs ten times as much, so it reads only those that are not plain. */
export const readId = (value: unknown, field: string): string =>
  isPlainId(value) ? value : parse(Id, value, field);

/** Spaces, and characters that are drawn as nothing: such as U+200B, U+2060 and U+FEFF, and the blank of Braille. */
const invisibleOnly = /^[\s\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]*$/u;

/** An id that is chosen now. `Id` also finds those of earlier versions, which could consist of invisible characters. */
export const NewId = Id.refine((text) => !invisibleOnly.test(text), 'must hold a visible character');

const maxRowId = 2n ** 63n - 1n;

/** The number of a row, from the id that the API shows of it; null if no row can have it. */
export function readRowId(text: string): bigint | null {
  if (!/^[1-9]\d{0,18}$/.test(text)) return null;
  const id = BigInt(text);
  return id <= maxRowId ? id : null;
}

/** The same for an argument. @throws ValidationError, or what `notFound` returns if no row can have the id */
export function requireRowId(text: string, field: string, notFound: (text: string) => Error): bigint {
  const id = readRowId(parse(Id, text, field));
  if (id === null) throw notFound(text);
  return id;
}

/** A name or label for people: 1 to 255 characters, no control characters, not blank. */
export const Name = Id;

/** Optional text that may be empty, such as an email: up to 255 characters, no control characters. */
export const Line = Text;

/** A reason or note: up to 255 characters. Blank counts as none. */
export const Note = Text.transform((text) => text.trim() || null);

/** A JSON object of at most 16 KiB, measured as the UTF-8 text that is stored, and at most 100 levels deep. */
export const Metadata = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be a JSON object',
  )
  .refine((value) => isWithin(maxMetadataDepth, value), {
    message: `must be at most ${maxMetadataDepth} levels deep`,
    abort: true,
  })
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= maxMetadataBytes, 'must be at most 16 KiB')
  .refine(
    (value) => !holdsInexact(value),
    'must hold only numbers that JSON holds exactly: send others as text',
  )
  .refine((value) => isStorable(value), 'must be well-formed Unicode without null characters')
  .refine((value) => !holdsPrototype(value), 'must not hold the key "__proto__"');

function isWithin(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((item) => isWithin(levels - 1, item));
}

/** PostgreSQL's jsonb holds every JSON text but null characters and half surrogate pairs. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\u0000') && isWellFormed(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, item]) => isStorable(key) && isStorable(item));
}

/** JavaScript drops a key of this name, so refuse it instead of losing it. */
function holdsPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, item]) => key === '__proto__' || holdsPrototype(item));
}

/** The indexes of repeated ids. */
export function repetitions(ids: readonly string[]): number[] {
  const seen = new Set<string>();
  return ids.flatMap((id, index) => {
    const isNew = !seen.has(id);
    seen.add(id);
    return isNew ? [] : [index];
  });
}

/**
 * A list of bounded length without repeated ids.
 *
 * @param max the maximum number of entries
 * @param tooMany the message for a longer list
 * @param repeated the message for a repeated id
 */
export function listOf<Entry extends z.ZodType>(
  entry: Entry,
  idOf: (entry: z.output<Entry>) => string,
  { max, tooMany = `must have at most ${max} entries`, repeated = 'is repeated' }: ListOptions,
) {
  return z
    .array(entry)
    .max(max, { message: tooMany, abort: true })
    .superRefine((entries, check) => {
      for (const index of repetitions(entries.map(idOf)))
        check.addIssue({ code: 'custom', path: [index], message: repeated });
    });
}

interface ListOptions {
  max: number;
  tooMany?: string;
  repeated?: string;
}

/**
 * Reads `value` by `schema`. The first violation becomes a BAD_USER_INPUT that names the field by its path
 * in the arguments, beginning with `field`.
 */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  field: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalidInput([field, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'is not valid');
}
