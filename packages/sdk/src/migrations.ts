import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type { ById, Described, NewMigration, Page } from './inputs.ts';
import { inputOf } from './inputs.ts';
import type { Migration, MigrationPreview } from './types.ts';

/** Moves the subscribers of a package to another package or version, in the background. */
export class Migrations {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** What a migration would do now. Errors: `PackageNotFoundError`, `UserNotFoundError`. */
  preview = (migration: Described<NewMigration>): Promise<Result<MigrationPreview>> =>
    this.#caller.call(
      operations.PreviewMigration,
      () => ({ input: inputOf(migration) }),
      (data) => data.previewMigration,
    );

  /** Starts a migration. Errors: `PackageNotFoundError`, `UserNotFoundError`, `ConflictError` while one runs. */
  create = (migration: Described<NewMigration>): Promise<Result<Migration>> =>
    this.#caller.call(
      operations.MigrateSubscribers,
      () => ({ input: inputOf(migration) }),
      (data) => data.migrateSubscribers,
    );

  /** One migration, with its progress. */
  retrieve = (args: ById): Promise<Result<Migration>> =>
    this.#caller.call(
      operations.RetrieveMigration,
      () => args,
      (data) => data.migration,
    );

  /** Migrations, newest first. */
  list = (page?: Page): Promise<Result<Migration[]>> =>
    this.#caller.call(
      operations.ListMigrations,
      () => page,
      (data) => data.migrations,
    );

  /** Stops a migration. Who was moved stays moved. */
  stop = (args: ById): Promise<Result<Migration>> =>
    this.#caller.call(
      operations.StopMigration,
      () => args,
      (data) => data.stopMigration,
    );
}
