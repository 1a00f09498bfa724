import { randomBytes } from 'node:crypto';
import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Encryption } from '../auth/secrets/encryption.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient, Webhook } from '../database/generated/client.ts';
import { invalidInput, webhookNotFound } from '../errors.ts';
import { maxWebhooks, rotationMs, secretOf } from './rules.ts';
import {
  bringForward,
  countWebhooks,
  deleteDeliveries,
  insertWebhook,
  lockWebhook,
  lockWebhooks,
  newWebhookId,
  secretLocation,
} from './store.ts';

/** What changes a webhook, in the environment of its author. */
export interface WebhookContext {
  db: PrismaClient;
  author: Author;
  encryption: Encryption;
}

/** A webhook whose secret is shown this once. */
export interface SecretOnce {
  id: string;
  secret: string;
}

interface WebhookFields {
  url: string;
  events: string[];
  includePersonalData: boolean;
}

const secretBytes = 32;
const newSecret = () => secretOf(randomBytes(secretBytes));

/** @throws ValidationError if there are too many webhooks */
export function createWebhook(
  { db, author, encryption }: WebhookContext,
  fields: WebhookFields,
): Promise<SecretOnce> {
  const { environmentId } = author;
  const id = newWebhookId();
  const secret = newSecret();
  return db.$transaction(async (tx) => {
    await lockWebhooks(tx, environmentId);
    if ((await countWebhooks(tx, environmentId)) >= maxWebhooks)
      throw invalidInput('input', `there are ${maxWebhooks} webhooks already, which is the most`);
    const encrypted = encryption.encrypt(secret, secretLocation(environmentId, id));
    await audited(
      tx,
      author,
      { action: 'createWebhook', type: 'WEBHOOK', handles: [] },
      () => insertWebhook(tx, { ...fields, environmentId, id, secret: encrypted }),
      () => [id],
    );
    return { id, secret };
  });
}

interface WebhookChange extends Partial<WebhookFields> {
  enabled?: boolean | undefined;
}

/**
 * Changes a webhook. One that is enabled again, or gets another address, begins with a clean record, and what it waits to
 * get is sent soon.
 *
 * @throws WebhookNotFoundError
 */
export function updateWebhook(
  context: Omit<WebhookContext, 'encryption'>,
  id: string,
  { enabled, ...fields }: { [Name in keyof WebhookChange]: WebhookChange[Name] | undefined },
): Promise<void> {
  return changeWebhook(context, 'updateWebhook', id, async (tx, webhook) => {
    const isMoved = fields.url !== undefined && fields.url !== webhook.url;
    const isEnabledAgain = enabled === true && webhook.disabledAt !== null;
    await tx.webhook.update({
      where: { environmentId_id: { environmentId: context.author.environmentId, id } },
      data: {
        ...(fields as Partial<WebhookFields>),
        ...(isMoved ? cleanRecord : {}),
        ...switched(webhook.disabledAt !== null, enabled),
        ...noLease,
      },
    });
    if (isMoved || isEnabledAgain) await bringForward(tx, id);
  });
}

const cleanRecord = { failures: 0, failingSince: null, pausedUntil: null };
/** The process that sends at the moment stops after this batch, and reads the webhook again. */
const noLease = { leasedBy: null, leasedUntil: null };

/** What enabling or disabling changes. */
function switched(isDisabled: boolean, enabled: boolean | undefined) {
  if (enabled === undefined || enabled !== isDisabled) return {};
  if (enabled) return { ...cleanRecord, disabledAt: null, disabledReason: null };
  return { disabledAt: new Date(), disabledReason: 'Somebody disabled it.' };
}

/** Deletes a webhook with all its deliveries. @throws WebhookNotFoundError */
export function deleteWebhook(context: Omit<WebhookContext, 'encryption'>, id: string): Promise<void> {
  const { environmentId } = context.author;
  return changeWebhook(context, 'deleteWebhook', id, async (tx) => {
    await tx.webhook.delete({ where: { environmentId_id: { environmentId, id } } });
    await deleteDeliveries(tx, environmentId, id);
  });
}

/**
 * Makes a new secret. The former one signs too for a day, also if it is rotated once more within that day.
 *
 * @throws WebhookNotFoundError
 * @throws ValidationError if three secrets sign already
 */
export async function rotateWebhookSecret(
  { encryption, ...context }: WebhookContext,
  id: string,
): Promise<SecretOnce> {
  const { environmentId } = context.author;
  const secret = newSecret();
  await changeWebhook(context, 'rotateWebhookSecret', id, async (tx, webhook) => {
    await tx.webhook.update({
      where: { environmentId_id: { environmentId, id } },
      data: {
        secret: encryption.encrypt(secret, secretLocation(environmentId, id)),
        ...formerSecrets(webhook, new Date()),
        ...noLease,
      },
    });
  });
  return { id, secret };
}

/** The secrets that sign beside a new one. None ends before its time: receivers may still have it. */
function formerSecrets(webhook: Webhook, now: Date) {
  const { secret, previousSecret, previousSecretUntil, olderSecretUntil } = webhook;
  const isSigning = (until: Date | null) => until !== null && until > now;
  if (isSigning(olderSecretUntil))
    throw invalidInput(
      'id',
      `was rotated twice within 24 hours; the next rotation is possible after ${olderSecretUntil?.toISOString()}`,
    );
  return {
    previousSecret: secret,
    previousSecretUntil: new Date(now.getTime() + rotationMs),
    ...(isSigning(previousSecretUntil)
      ? { olderSecret: previousSecret, olderSecretUntil: previousSecretUntil }
      : { olderSecret: null, olderSecretUntil: null }),
  };
}

/** Changes a webhook under its lock, with an entry in the audit log. */
function changeWebhook(
  { db, author }: Omit<WebhookContext, 'encryption'>,
  action: string,
  id: string,
  change: (tx: Db, webhook: Webhook) => Promise<void>,
): Promise<void> {
  return db.$transaction(async (tx) => {
    const webhook = await lockWebhook(tx, author.environmentId, id);
    if (webhook === null) throw webhookNotFound(id);
    await audited(tx, author, { action, type: 'WEBHOOK', handles: [id] }, () => change(tx, webhook));
  });
}
