import type Stripe from 'stripe';
import { note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError, invalidInput, subscriptionLinkError, userNotFound } from '../errors.ts';
import { holdPackage, requirePackage } from '../packages/store.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { findUserKey } from '../users/store.ts';
import type { Connected, OpenConnection } from './connection.ts';
import { type BillingTemplate, priceProblem } from './links-rules.ts';
import { ownIdName } from './read.ts';
import { atStripe, isMissing, notConnected } from './stripe.ts';

/**
 * Creates what a payment link sells. @throws PackageNotFoundError, ValidationError that names the price, and
 * BillingTemplateAlreadyExistsError
 */
export async function createTemplate(
  prisma: PrismaClient,
  author: Author,
  packageId: string,
  template: BillingTemplate,
): Promise<void> {
  const { environmentId } = author;
  const { id, currency, interval, prices } = template;
  await requirePackage(prisma, environmentId, packageId);
  const known = await prisma.stripePrice.findMany({ where: { environmentId, id: { in: prices } } });
  const problem = priceProblem(packageId, template, known);
  if (problem !== null) throw invalidInput(`input.prices.${problem.index}`, problem.problem);
  try {
    await prisma.$transaction(async (tx) => {
      await holdPackage(tx, environmentId, packageId);
      const data = { environmentId, id, packageId, currency, interval: interval ?? null, priceIds: prices };
      await tx.billingTemplate.create({ data });
      const what = { action: 'createBillingTemplate', type: 'BILLING', id } as const;
      await note(tx, author, what, { packageId, currency, interval: interval ?? null, prices });
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new DomainError(
      'CONFLICT',
      'BillingTemplateAlreadyExistsError',
      `A billing template with the id "${id}" already exists.`,
    );
  }
}

/** Deletes a template. Links that were made with it go on working. @throws BillingTemplateNotFoundError */
export async function deleteTemplate(prisma: PrismaClient, author: Author, id: string): Promise<void> {
  const { environmentId } = author;
  await prisma.$transaction(async (tx) => {
    const { count } = await tx.billingTemplate.deleteMany({ where: { environmentId, id } });
    if (count === 0)
      throw new DomainError(
        'NOT_FOUND',
        'BillingTemplateNotFoundError',
        `There is no billing template with the id "${id}".`,
      );
    await note(tx, author, { action: 'deleteBillingTemplate', type: 'BILLING', id }, null);
  });
}

export interface LinkRequest {
  userId: string | null;
  templateId: string;
  successUrl: string;
  cancelUrl: string;
}

interface Buyer {
  id: string;
  email: string | null;
  /** The id of the customer at Stripe. */
  customerId: string | null;
}

/**
 * Makes a link to a checkout at Stripe. A template whose prices are all paid once makes a payment, every other a
 * subscription. What is paid appears here by itself. For an unknown user, or without one, the user is created from the
 * email that is given at the checkout.
 *
 * @throws SubscriptionLinkError
 */
export async function generateLink(
  prisma: PrismaClient,
  open: OpenConnection,
  environmentId: string,
  request: LinkRequest,
): Promise<string> {
  const connected = await open(environmentId);
  if (connected === null) throw subscriptionLinkError(notConnected().message);
  const template = await findTemplate(prisma, environmentId, request.templateId);
  const buyer = request.userId === null ? null : await findBuyer(prisma, connected, request.userId);
  if (buyer !== null && !template.package.isAddon) await refuseSecondBase(prisma, environmentId, buyer.id);
  const metered = await prisma.stripePrice.findMany({
    where: { environmentId, id: { in: template.priceIds }, isMetered: true },
    select: { id: true },
  });
  const meteredIds = metered.map(({ id }) => id);
  const session = await atStripe(
    () => connected.stripe.checkout.sessions.create(sessionOf(request, template, meteredIds, buyer)),
    subscriptionLinkError,
  );
  if (session.url === null) throw subscriptionLinkError('Stripe made no link.');
  return session.url;
}

type Template = Awaited<ReturnType<typeof findTemplate>>;

async function findTemplate(db: Db, environmentId: string, id: string) {
  const template = await db.billingTemplate.findUnique({
    where: { environmentId_id: { environmentId, id } },
    include: { package: { select: { id: true, isAddon: true, status: true } } },
  });
  if (template === null) throw subscriptionLinkError(`There is no billing template with the id "${id}".`);
  const { status, id: packageId } = template.package;
  if (status !== 'PUBLISHED')
    throw subscriptionLinkError(`The package "${packageId}" cannot be sold: it is ${status}, not PUBLISHED.`);
  return template;
}

/** Null for an id that nobody has. The customer is one that Stripe still has. */
async function findBuyer(
  db: Db,
  { environmentId, stripe }: Connected,
  userId: string,
): Promise<Buyer | null> {
  const key = await findUserKey(db, environmentId, userId);
  if (key === null) return null;
  const user = await db.user.findUniqueOrThrow({ where: { key } });
  const known = await db.stripeCustomer.findFirst({
    where: { environmentId, userKey: key, isDeleted: false },
    orderBy: { id: 'asc' },
    select: { id: true },
  });
  const customerId = known?.id ?? (user.billingId?.startsWith('cus_') ? user.billingId : null);
  return { id: user.id, email: user.email, customerId: customerId && (await existing(stripe, customerId)) };
}

async function existing(stripe: Stripe, customerId: string): Promise<string | null> {
  return atStripe(async () => {
    try {
      const customer = await stripe.customers.retrieve(customerId);
      return customer.deleted ? null : customer.id;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }, subscriptionLinkError);
}

/** Two base packages would be paid, and one used. */
async function refuseSecondBase(db: Db, environmentId: string, userId: string): Promise<void> {
  const key = await findUserKey(db, environmentId, userId);
  if (key === null) return;
  const held = await db.subscription.findFirst({
    where: { userKey: key, isAddon: false, status: { in: [...heldStatuses, 'SCHEDULED'] } },
    select: { packageId: true },
  });
  if (held !== null)
    throw subscriptionLinkError(
      `The user holds the base package "${held.packageId}" already: change it with changePackage, or let the user do it in the portal (generatePortalLink).`,
    );
}

function sessionOf(
  { successUrl, cancelUrl }: LinkRequest,
  { priceIds, currency, interval }: Template,
  meteredIds: readonly string[],
  buyer: Buyer | null,
): Stripe.Checkout.SessionCreateParams {
  const metadata: Record<string, string> = buyer === null ? {} : { [ownIdName]: buyer.id };
  const common: Stripe.Checkout.SessionCreateParams = {
    // Stripe takes no quantity of what is billed by usage.
    line_items: priceIds.map((price) => (meteredIds.includes(price) ? { price } : { price, quantity: 1 })),
    // Of a price in several currencies, Stripe would choose one by where the customer is.
    currency,
    success_url: successUrl,
    cancel_url: cancelUrl,
    metadata,
    ...(buyer === null ? {} : { client_reference_id: referenceOf(buyer.id) }),
    ...(buyer?.customerId ? { customer: buyer.customerId } : {}),
    ...(buyer !== null && !buyer.customerId && isEmail(buyer.email) ? { customer_email: buyer.email } : {}),
  };
  if (interval !== null) return { ...common, mode: 'subscription', subscription_data: { metadata } };
  return { ...common, mode: 'payment', ...(buyer?.customerId ? {} : { customer_creation: 'always' }) };
}

/** Stripe takes letters, digits, - and _ only; the metadata has the whole id. */
const referenceOf = (id: string) => id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 200);

const isEmail = (text: string | null): text is string => text !== null && /^\S+@\S+\.\S+$/.test(text);

/**
 * Makes a link to the portal in which customers see their bills and change their cards.
 *
 * @throws UserNotFoundError, and SubscriptionLinkError for a user whom Stripe does not know
 */
export async function generatePortalLink(
  prisma: PrismaClient,
  open: OpenConnection,
  environmentId: string,
  { userId, returnUrl }: { userId: string; returnUrl: string },
): Promise<string> {
  const connected = await open(environmentId);
  if (connected === null) throw subscriptionLinkError(notConnected().message);
  const buyer = await findBuyer(prisma, connected, userId);
  if (buyer === null) throw userNotFound(userId);
  if (buyer.customerId === null)
    throw subscriptionLinkError(`The user "${userId}" is no customer at Stripe yet.`);
  const params = { customer: buyer.customerId, return_url: returnUrl };
  const session = await atStripe(
    () => connected.stripe.billingPortal.sessions.create(params),
    subscriptionLinkError,
  );
  return session.url;
}
