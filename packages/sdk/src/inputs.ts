import type * as schema from './generated/operations.ts';
import type { PackageStatus } from './types.ts';

/** Names one feature, package, user or subscription. */
export interface ById {
  id: string;
}

/** A page of a list. Without it, a list answers everything, up to 10,000 items. */
export interface Page {
  /** How many to return at most, up to 1,000. */
  first?: number;
  /** Return what follows the item with this id. */
  after?: string;
}

/** The description of something new, alone or as `input`. */
export type Described<Input> = Input | { input: Input };

/** The variables of an operation that creates something. */
export const inputOf = <Input extends object>(described: Described<Input>): Input =>
  'input' in described ? (described.input as Input) : described;

/** Names a user. */
export interface ByUser {
  userId: string;
}

/** Names a user and a feature. Older guides name the feature by `id`. */
export type FeatureOfUser = ByUser & { delta?: number } & (
    | { featureId: string; id?: string }
    | { id: string }
  );

/** A new feature. */
export interface NewFeature extends schema.CreateFeatureInput {}

/** What to change of a feature. An omitted field stays, null clears. */
export interface FeatureChange extends schema.UpdateFeatureInput {
  name?: string;
}

/** A feature that joins a package. */
export interface NewPackageFeature extends schema.CreatePackageFeatureInput {}

/** A new package: a `DRAFT` until it is published. */
export interface NewPackage extends Omit<schema.CreatePackageInput, 'features'> {
  /** One feature, or several. */
  features: NewPackageFeature | NewPackageFeature[];
}

/** What to change of a package of any status. */
export interface PackageChange extends schema.UpdatePackageInput {}

/** Which packages to list. */
export interface PackageList extends Page {
  /** Without it, `PUBLISHED`. */
  status?: PackageStatus | 'ALL';
  /** Whether each comes with its features. Without it, false. */
  includeFeatures?: boolean;
}

/** A new user. */
export interface NewUser extends schema.CreateUserInput {}

/** What to change of a user. An omitted field stays, null clears. */
export interface UserChange extends Omit<schema.UpdateUserInput, 'id'> {
  /** The new id. Without it, the id stays. */
  id?: string;
}

/** One use of a `CONSUMABLE` feature by a user. */
export interface UsageInput {
  userId: string;
  featureId: string;
  /** How much was used, as a number or its text, with as many decimals as the feature's `precision`. Without it, 1. With `ADD`, a negative one reverts. */
  delta?: number | string;
  /** Whether `delta` is added (the default) or replaces the usage of the period. */
  action?: schema.RecordUsageAction;
  /** Names this usage, so that it counts once however often it is sent. Without it, the client makes one. */
  idempotencyKey?: string;
  /**
   * When it was used. Without it, now: by the server's clock, or by this machine's clock if usage is buffered.
   */
  timestamp?: Date | string;
  /** Record only if the user is entitled to it at this instant. */
  enforce?: boolean;
  /** Stands beside the usage in the ledger, up to 255 characters: who recorded it and why, for example. */
  note?: string;
  /** Whether to answer the user's entitlement right after it. */
  includeEntitlement?: boolean;
}

/** Instants as text or as dates. */
type WithDates<Input, Instants extends keyof Input> = Omit<Input, Instants> & {
  [Instant in Instants]?: Date | Input[Instant];
};

/** A feature to give to one user. */
export interface NewGrant extends WithDates<schema.GrantFeatureInput, 'startsAt' | 'endsAt'> {}

/** A one-off amount to give to one user. */
export interface NewTopUp extends WithDates<schema.TopUpInput, 'expiresAt'> {}

/** An amount to hold. */
export interface NewReservation extends schema.ReserveUsageInput {}

/** What was really used of a reservation. */
export interface CommittedUsage extends ById {
  /** 0 or more, also more than was held. */
  amount: number;
  /** With it, a repeat with another amount is a `ConflictError`. */
  idempotencyKey?: string;
}

/** Names a grant or a top-up to end. */
export interface Ending extends ById {
  /** Up to 255 characters. The audit log keeps it. */
  reason?: string;
}

/** Whose grants, top-ups or usage to list. */
export interface ListOfUser extends ByUser, Page {
  /** Only those of this feature. */
  featureId?: string;
}

/** Whose draws to list: those of one top-up. */
export interface ListOfTopUp extends ById {
  /** The maximum number, up to 1,000; 100 if it is not given. */
  first?: number;
  /** Only draws before the one with this id. */
  before?: string;
}

/** What to subscribe one user to, and when. */
export interface NewSubscriptions extends WithDates<schema.SubscribeUserInput, 'startsAt' | 'trialEndsAt'> {}

/** When a change takes effect. Without either, now. */
export interface When {
  /** An instant, now or later. */
  at?: Date | string;
  /** At the end of the running period. */
  atPeriodEnd?: boolean;
}

/** The base package to change to. */
export interface NewBasePackage extends ByUser, When {
  packageId: string;
  /** With `CARRY`, what was used in the running period counts. Without it, `RESET`. */
  usage?: schema.CarriedUsage;
}

/** Whom to move, and to what. */
export interface NewMigration extends schema.MigrateSubscribersInput {}

/** What a payment link sells, and where it leads back to. */
export interface NewPaymentLink {
  /** Without it, or if nobody has it, the person who pays becomes a user. */
  userId?: string | null;
  /** The billing template of a package. */
  templateId: string;
  /** The address to return to after payment. */
  successUrl: string;
  /** The address to return to without payment. */
  cancelUrl: string;
}

/** Whose bills, and where the page leads back to. */
export interface NewPortalLink extends ByUser {
  returnUrl: string;
}

/** What to wait for, and how long. */
export interface AwaitedSubscription extends ByUser {
  packageId: string;
  /** How long to wait, in milliseconds: 30,000 by default. */
  timeoutMs?: number;
  /** Ends the wait. */
  signal?: AbortSignal;
}
