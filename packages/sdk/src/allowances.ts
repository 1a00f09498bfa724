import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type {
  ById,
  CommittedUsage,
  Described,
  Ending,
  ListOfTopUp,
  ListOfUser,
  NewGrant,
  NewReservation,
  NewTopUp,
} from './inputs.ts';
import { inputOf } from './inputs.ts';
import type {
  FeatureGrant,
  RecordedUsage,
  ReleasedReservation,
  Reservation,
  TopUp,
  TopUpDraw,
} from './types.ts';

/** Gives a call its key, once: every repeat sends the same key, and makes nothing new. */
function keyed<Input extends { idempotencyKey?: string | null | undefined }>(
  described: Described<Input>,
): Input {
  const input = inputOf(described);
  return { ...input, idempotencyKey: input.idempotencyKey ?? crypto.randomUUID() };
}

/** Features that are given to one user, beside packages. */
export class Grants {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Gives a feature to one user, more of it until a date for example. A repeat with the same `idempotencyKey` answers
   * as the first. Errors: `UserNotFoundError`, `FeatureNotFoundError`, `InputError`, `ConflictError`.
   */
  create = (grant: Described<NewGrant>): Promise<Result<FeatureGrant>> =>
    this.#caller.call(
      operations.GrantFeature,
      () => ({ input: keyed(grant) as operations.GrantFeatureInput }), // JSON writes dates as text.
      (data) => data.grantFeature,
    );

  /** Ends a grant now. Errors: `KanaError` with the name `GrantNotFoundError`. */
  revoke = (args: Ending): Promise<Result<FeatureGrant>> =>
    this.#caller.call(
      operations.RevokeGrant,
      () => args,
      (data) => data.revokeGrant,
    );

  /** The grants of a user, oldest first, ended ones too. Errors: `UserNotFoundError`, `FeatureNotFoundError`. */
  list = (args: ListOfUser): Promise<Result<FeatureGrant[]>> =>
    this.#caller.call(
      operations.ListGrants,
      () => args,
      (data) => data.grants,
    );
}

/** One-off amounts, used once the budget of the period is spent. */
export class TopUps {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Gives a user a one-off amount. A repeat with the same `idempotencyKey`, such as the id of the order, answers as the
   * first. Errors: `UserNotFoundError`, `FeatureNotFoundError`, `InputError`, `ConflictError`.
   */
  create = (topUp: Described<NewTopUp>): Promise<Result<TopUp>> =>
    this.#caller.call(
      operations.TopUp,
      () => ({ input: keyed(topUp) as operations.TopUpInput }), // JSON writes dates as text.
      (data) => data.topUp,
    );

  /** Ends a top-up now; what was drawn stays drawn. Errors: `KanaError` with the name `TopUpNotFoundError`. */
  void = (args: Ending): Promise<Result<TopUp>> =>
    this.#caller.call(
      operations.VoidTopUp,
      () => args,
      (data) => data.voidTopUp,
    );

  /** The top-ups of a user, oldest first, ended ones too. Errors: `UserNotFoundError`, `FeatureNotFoundError`. */
  list = (args: ListOfUser): Promise<Result<TopUp[]>> =>
    this.#caller.call(
      operations.ListTopUps,
      () => args,
      (data) => data.topUps,
    );

  /** The single draws of a top-up, newest first. Errors: `KanaError` with the name `TopUpNotFoundError`. */
  draws = (args: ListOfTopUp): Promise<Result<TopUpDraw[]>> =>
    this.#caller.call(
      operations.ListTopUpDraws,
      () => args,
      (data) => data.topUp.draws,
    );
}

/** Amounts that are held for work whose size is known only afterwards. */
export class Reservations {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Holds an amount, if the user is entitled to it: check `reserved`. A repeat with the same `idempotencyKey` answers as
   * the first. Errors: `UserNotFoundError`, `FeatureNotFoundError`, `InputError`, `ConflictError`.
   */
  create = (reservation: Described<NewReservation>): Promise<Result<Reservation>> =>
    this.#caller.call(
      operations.ReserveUsage,
      () => ({ input: keyed(reservation) }),
      (data) => data.reserveUsage as Reservation,
    );

  /**
   * Records what was really used, also after it has lapsed. A repeat answers as the first. Errors: `InputError`,
   * `ConflictError` if it was released, `KanaError` with the name `ReservationNotFoundError`.
   */
  commit = (args: CommittedUsage): Promise<Result<RecordedUsage>> =>
    this.#caller.call(
      operations.CommitReservation,
      () => args,
      (data) => data.commitReservation,
    );

  /**
   * Holds the amount no longer; nothing is recorded. A repeat answers as the first. Errors: `ConflictError` if it was
   * committed, `KanaError` with the name `ReservationNotFoundError`.
   */
  release = (args: ById): Promise<Result<ReleasedReservation>> =>
    this.#caller.call(
      operations.ReleaseReservation,
      () => args,
      (data) => data.releaseReservation as ReleasedReservation,
    );
}
