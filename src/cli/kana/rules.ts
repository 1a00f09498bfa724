// What `kana` decides by itself: whether a file is worth sending, and whether to ask before publishing.

type Entry = Record<string, unknown>;

/** The objects of a list, if it is one: the server tells in detail what is wrong with anything else. */
function entriesOf(value: unknown): Entry[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : [];
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Entry)[field] : undefined;

const hasTwins = (entries: readonly Entry[]) => new Set(entries.map(({ id }) => id)).size < entries.length;

const resetPeriods: unknown[] = ['DAY', 'MONTH', 'YEAR', null, undefined];

/**
 * What is wrong with a file at first sight, in the words of the original; null if nothing is. Drafts may be
 * empty, as they may be on the server.
 */
export function problemOf(file: unknown): string | null {
  const features = entriesOf(fieldOf(file, 'features'));
  const listed = (status: string) =>
    ['packages', 'addons'].flatMap((kind) => entriesOf(fieldOf(fieldOf(file, kind), status)));
  const published = listed('published');
  const packages = [...published, ...listed('draft')];
  const grants = packages.flatMap((each) => entriesOf(each.features));
  const consumable = new Set(features.filter(({ type }) => type === 'CONSUMABLE').map(({ id }) => id));
  const hasLimit = ({ limit }: Entry) => limit === null || (typeof limit === 'number' && limit >= 0);

  if (features.length === 0) return 'your setup must contain at least one feature!';
  if (hasTwins(features)) return 'duplicate feature IDs are not allowed!';
  if (packages.length === 0) return 'your setup must contain at least one package!';
  if (hasTwins(packages)) return 'all package IDs must be unique!';
  if (published.some((each) => entriesOf(each.features).length === 0))
    return 'all packages must link to at least one feature!';
  if (grants.some((grant) => consumable.has(grant.id) && !hasLimit(grant)))
    return 'all package features of "CONSUMABLE" type must be defined with null or a positive numeric value';
  if (grants.some((grant) => !resetPeriods.includes(grant.reset_period)))
    return 'package feature reset periods must be "DAY", "MONTH", or "YEAR"!';
  return null;
}

export const isError = (line: string) => line.includes('[ERROR]');
export const isWarning = (line: string) => line.includes('[WARNING]');

export interface PublishOptions {
  force: boolean;
  yes: boolean;
}

/** What happens before publishing: it is refused, or a question is asked, or neither. */
export type Consent = { refusal: string } | { question: string } | null;

/**
 * Errors need --force. Publishing needs a yes: in answer to a question where there is somebody to ask, else as
 * --yes. Force is yes enough when there are no errors.
 *
 * @param lines what the server says that publishing would do
 * @param canAsk whether a person sits at a terminal
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
  if (!canAsk) return { refusal: 'Nobody is here to confirm the publication: pass in "--yes" ("-y")' };
  const what = hasErrors ? 'a new Kana setup with the above issues' : 'a new Kana setup';
  return {
    question: `You are about to publish ${what}. This action cannot be undone. Do you wish to continue?`,
  };
}
