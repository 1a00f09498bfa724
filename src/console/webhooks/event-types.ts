/** What each type of event tells, in one line. */
const explanations: Record<string, string> = {
  '*': 'All events but seal.created',
  'user.*': 'All about users',
  'user.created': 'A user appeared',
  'user.updated': 'A name, an id or other facts of a user changed',
  'user.merged': 'Two users became one',
  'user.deleted': 'A user was deleted, with all usage',
  'subscription.*': 'All about subscriptions',
  'subscription.created': 'A subscription began',
  'subscription.updated': 'A subscription changed',
  'subscription.cancelled': 'A subscription ended',
  'subscription.scheduled': 'A start or an end was planned',
  'usage.*': 'Thresholds, limits and resets',
  'usage.threshold_reached': 'A user reached a threshold, such as 80%, where the package has one',
  'usage.limit_reached': 'A user used the whole limit, where the package has a threshold of 100%',
  'usage.window_reset': 'Usage began again at 0, where the package tells it',
  'top_up.*': 'All about top-ups',
  'top_up.exhausted': 'A top-up was used up',
  'top_up.expired': 'A top-up ended with something left',
  'grant.*': 'All about grants',
  'grant.expired': 'A feature given to one user ended',
  'package.*': 'All about packages',
  'package.published': 'A version of a package was published',
  'segment.*': 'All about Segment',
  'segment.event_unmatched': 'The first Segment event of its name that no rule matches',
  'flag.*': 'All flags',
  'flag.raised': 'Something needs a look: users with one email, a failing webhook',
  'seal.*': 'No events: name seal.created itself',
  'seal.created': 'A part of the ledger or the audit log was sealed',
};

/** What a webhook may ask for, as `CreateWebhookInput.events` lists it; a test compares it with the server's list. */
export const eventPatterns = Object.keys(explanations);

export const explainEvents = (pattern: string): string => explanations[pattern] ?? '';
