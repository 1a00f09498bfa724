import type { DeliveryFragment, WebhookDeliveryState } from '../generated/operations.ts';
import { formatNumber } from '../parts/numbers.ts';

export const stateNames: Record<WebhookDeliveryState, string> = {
  PENDING: 'Waiting',
  DELIVERED: 'Delivered',
  DEAD: 'Dead',
};

/** The last answer in one line: `204`, `500 Oops`, or why there was none. */
export function answerOf({ attempts, problem, responseStatus, responseBody }: DeliveryFragment): string {
  if (attempts === 0 && responseStatus === null && problem === null) return 'Not sent yet';
  return problem ?? [responseStatus, responseBody].filter(Boolean).join(' ');
}

/** The headers of the last attempt that can be told: the signature is not kept. */
export function headersOf({ messageId, lastAttemptAt }: DeliveryFragment): string[] {
  const seconds = lastAttemptAt === null ? null : Math.floor(Date.parse(lastAttemptAt) / 1_000);
  return [
    'content-type: application/json',
    `webhook-id: ${messageId}`,
    ...(seconds === null ? [] : [`webhook-timestamp: ${seconds}`]),
  ];
}

/** How many deliveries of a span are in each state. */
export interface Counts {
  pending: number;
  delivered: number;
  dead: number;
}

/** The most that are counted of a state. */
const maxCounted = 1_000;
const counted = (count: number) =>
  count >= maxCounted ? `${formatNumber(maxCounted)} or more` : formatNumber(count);

/** What can be sent again, with how many there are as soon as it is known. */
export function stateChoices(counts: Counts | undefined): { value: WebhookDeliveryState; label: string }[] {
  const choice = (value: WebhookDeliveryState, count: number | undefined) => ({
    value,
    label: count === undefined ? stateNames[value] : `${stateNames[value]} (${counted(count)})`,
  });
  return [
    choice('PENDING', counts?.pending),
    choice('DEAD', counts?.dead),
    choice('DELIVERED', counts?.delivered),
  ];
}

/** What somebody wants to send again who did not choose: what waits, if something does. */
export const usualState = (counts: Counts | undefined): WebhookDeliveryState =>
  counts === undefined || counts.pending > 0 ? 'PENDING' : 'DEAD';

/** Whom and what a message is about, as `ada, api-calls, 80%`. Empty if it is about no user and no thing. */
export function subjectOf({ payload }: Pick<DeliveryFragment, 'payload'>): string {
  const { data } = (payload ?? {}) as { data?: Record<string, unknown> };
  if (data === undefined) return '';
  const { userId, featureId, packageId, threshold, thresholdAmount, eventName, flag, log } = data;
  const named = [userId, featureId ?? packageId, eventName, flag, log].filter(
    (each) => typeof each === 'string',
  );
  const at = typeof threshold === 'number' ? `${threshold}%` : thresholdAmount;
  return [...named, ...(typeof at === 'string' || typeof at === 'number' ? [`${at}`] : [])].join(', ');
}
