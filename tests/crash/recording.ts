import type { Attempt, Answer as Json } from './caller.ts';
import { checked, hardLimit } from './catalogue.ts';
import { type Answer, checkHistory, type Operation, type Reading, type Violation } from './history.ts';

/** A violation, and whose history it is in. */
interface FoundViolation extends Violation {
  userId: string;
  featureId: string;
}

interface Input {
  userId: string;
  featureId: string;
  action?: 'ADD' | 'SET';
  delta: number;
  enforce?: boolean;
  idempotencyKey?: string;
}

/** An operation, and whose history it belongs to. */
export interface Recorded {
  userId: string;
  featureId: string;
  operation: Operation;
}

/**
 * What these attempts did or told, as far as it concerns users and features. An attempt whose outcome is unknown and
 * that the ledger does not hold, has not happened.
 */
export function operationsOf(
  attempts: readonly Attempt[],
  isInLedger: (operation: Operation, userId: string) => boolean,
): Recorded[] {
  return attempts
    .filter(({ isRefused }) => !isRefused)
    .flatMap(recordedBy)
    .filter(({ operation, userId }) => operation.answer !== null || isInLedger(operation, userId));
}

/** Checks the history of each user and feature whose package stays. */
export function findViolations(recorded: readonly Recorded[]): FoundViolation[] {
  return checked.flatMap(([userId, featureId]) => {
    const mine = recorded.filter((each) => each.userId === userId && each.featureId === featureId);
    const limit = featureId === 'credits' ? hardLimit : null;
    const violation = checkHistory(
      mine.map(({ operation }) => operation),
      limit,
    );
    return violation === null ? [] : [{ userId, featureId, ...violation }];
  });
}

function recordedBy(attempt: Attempt): Recorded[] {
  const { query, variables, answer } = attempt;
  if (query.includes('canUseFeature(')) {
    // A read whose answer is lost tells nothing.
    return answer === null ? [] : [readOf(attempt)];
  }
  if (query.includes('recordUsages(')) {
    const inputs = variables.input as Input[];
    return inputs.map((input, index) => usageOf(attempt, input, answer?.data?.recordUsages[index]));
  }
  if (query.includes('recordUsage('))
    return [usageOf(attempt, variables.input, answer && (answer.data?.recordUsage ?? answer))];
  return query.includes('ingestSegmentEvent(') ? eventOf(attempt) : [];
}

function readOf({ variables, answer, began, ended }: Attempt): Recorded {
  const { userId, featureId, delta } = variables;
  const reading = readingOf(answer.data.canUseFeature, delta);
  return {
    userId,
    featureId,
    operation: {
      began,
      ended,
      action: 'READ',
      delta,
      enforce: false,
      key: null,
      answer: { kind: 'read', reading },
    },
  };
}

const readingOf = ({ access, consumption }: Json, amount: number): Reading => ({
  access,
  amount,
  used: consumption.used,
  budget: consumption.budget,
});

function usageOf({ began, ended }: Attempt, input: Input, result: Json): Recorded {
  const { userId, featureId, action = 'ADD', delta, enforce = false, idempotencyKey = null } = input;
  const answer = answerOf(result);
  const end = answer === null ? Number.POSITIVE_INFINITY : ended;
  return {
    userId,
    featureId,
    operation: { began, ended: end, action, delta, enforce, key: idempotencyKey, answer },
  };
}

/** An item of a list that could not be judged has an unknown outcome. */
function answerOf(result: Json): Answer | null {
  const code = result?.error?.code ?? result?.errors?.[0].extensions.code;
  if (code === 'CONFLICT') return { kind: 'conflict' };
  if (typeof result?.recorded !== 'boolean' || typeof code === 'string') return null;
  const reading = result.entitlement ? readingOf(result.entitlement, 1) : null;
  return result.recorded
    ? { kind: 'recorded', duplicate: result.duplicate, reading }
    : { kind: 'refused', reading };
}

/** Segment's answer does not tell when its usage was recorded: at this attempt, or at an earlier one. */
function eventOf({ variables, answer, began, ended }: Attempt): Recorded[] {
  const { userId, messageId, properties } = variables.event;
  if (properties === undefined) return [];
  const isKnown = answer?.data?.ingestSegmentEvent?.firstOutcome === 'RECORDED';
  const operation: Operation = {
    began,
    ended: isKnown ? ended : Number.POSITIVE_INFINITY,
    action: 'ADD',
    delta: 1,
    enforce: false,
    key: segmentKey(messageId),
    answer: isKnown ? { kind: 'recorded', duplicate: null, reading: null } : null,
  };
  return [{ userId, featureId: properties.featureId, operation }];
}

/** The key under which the ledger holds the usage of a Segment event. */
export const segmentKey = (messageId: string) => `\u0001segment ${messageId}`;
