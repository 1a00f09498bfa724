import type { DeliveryFragment, WebhookDeliveryState } from '../generated/operations.ts';

export const stateNames: Record<WebhookDeliveryState, string> = {
  PENDING: 'Pending',
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
