import { z } from 'zod';
import { type EventType, eventData, payloadVersion } from './outbox/rules.ts';

/** The JSON Schema of the body of a message of this type. */
export function payloadSchema(type: EventType): object {
  const data = eventData[type];
  const payload = z.looseObject({
    type: z.literal(type),
    version: z.literal(payloadVersion).describe('Fields may be added to a version; none changes or goes.'),
    timestamp: z.iso.datetime().describe('When it happened.'),
    environment: z.enum(['test', 'live']),
    data,
  });
  return z.toJSONSchema(payload.describe(data.description ?? type));
}
