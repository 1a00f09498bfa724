// The local rules of `kana`: a first check of the file, and the confirmation before publishing.

type Entry = Record<string, unknown>;

/** The objects of a list; empty for anything else, which the server reports in detail. */
function entriesOf(value: unknown): Entry[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : [];
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Entry)[field] : undefined;

const hasDuplicates = (entries: readonly Entry[]) =>
  new Set(entries.map(({ id }) => id)).size < entries.length;

const resetPeriods: unknown[] = ['HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR', null, undefined];

/**
 * The first problem of a file, in Kana's words; null if there is none. Drafts may be empty, as on the server.
 */
export function problemOf(file: unknown): string | null {
  const features = entriesOf(fieldOf(file, 'features'));
  const listed = (status: string, kinds = ['packages', 'addons']) =>
    kinds.flatMap((kind) => entriesOf(fieldOf(fieldOf(file, kind), status)));
  const published = listed('published');
  const packages = [...published, ...listed('draft')];
  // The draft of the next version of a published package has the same id.
  const firstVersions = ['packages', 'addons'].flatMap((kind) => {
    const ids = new Set(listed('published', [kind]).map(({ id }) => id));
    return listed('draft', [kind]).filter(({ id }) => !ids.has(id));
  });
  const grants = packages.flatMap((each) => entriesOf(each.features));
  const consumable = new Set(features.filter(({ type }) => type === 'CONSUMABLE').map(({ id }) => id));
  const hasLimit = ({ limit }: Entry) => limit === null || (typeof limit === 'number' && limit >= 0);

  if (features.length === 0) return 'your setup must contain at least one feature!';
  if (hasDuplicates(features)) return 'duplicate feature IDs are not allowed!';
  if (packages.length === 0) return 'your setup must contain at least one package!';
  if (hasDuplicates([...published, ...firstVersions]) || hasDuplicates(listed('draft')))
    return 'all package IDs must be unique!';
  if (published.some((each) => entriesOf(each.features).length === 0))
    return 'all packages must link to at least one feature!';
  if (grants.some((grant) => consumable.has(grant.id) && !hasLimit(grant)))
    return 'all package features of "CONSUMABLE" type must be defined with null or a positive numeric value';
  if (grants.some((grant) => !resetPeriods.includes(grant.reset_period)))
    return 'package feature reset periods must be "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", or "YEAR"!';
  return null;
}

export const isError = (line: string) => line.includes('[ERROR]');
export const isWarning = (line: string) => line.includes('[WARNING]');

export interface PublishOptions {
  force: boolean;
  yes: boolean;
}

/** Before publishing: a refusal, a question, or null for neither. */
export type Consent = { refusal: string } | { question: string } | null;

/**
 * Errors need --force. Publishing needs a confirmation: the answer to a question on a terminal, or --yes. Without
 * errors, --force counts as --yes.
 *
 * @param lines the findings of the server
 * @param canAsk whether a person is at the terminal
 */
export function consentTo(
  lines: readonly string[],
  { force, yes }: PublishOptions,
  canAsk: boolean,
): Consent {
  const hasErrors = lines.some(isError);
  if (hasErrors && !force)
    return { refusal: 'Config validation failed. Review above error(s) or pass in "--force" ("-f")' };
  if (yes || (force && !hasErrors)) return null;
  if (!canAsk) return { refusal: 'There is no terminal to confirm the publication: pass in "--yes" ("-y")' };
  const what = hasErrors ? 'a new Kana setup with the above issues' : 'a new Kana setup';
  return {
    question: `You are about to publish ${what}. This action cannot be undone. Do you wish to continue?`,
  };
}
