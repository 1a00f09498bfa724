import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type { ById, Described, NewPackage, PackageChange, PackageList } from './inputs.ts';
import { inputOf } from './inputs.ts';
import type { Package, PricedPackage } from './types.ts';

/** With `includeFeatures` the features are there. */
interface RetrievePackage {
  (args: ById & { includeFeatures: true }): Promise<Result<Package>>;
  (args: ById & { includeFeatures?: boolean }): Promise<Result<PricedPackage>>;
}

/** With `includeFeatures` the features are there. */
interface ListPackages {
  (args: PackageList & { includeFeatures: true }): Promise<Result<Package[]>>;
  (args?: PackageList): Promise<Result<PricedPackage[]>>;
}

/** What is sold. */
export class Packages {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Creates a `DRAFT`. Errors: `ConflictError`, `FeatureNotFoundError`, `InputError`. */
  create = (newPackage: Described<NewPackage>): Promise<Result<Package>> =>
    this.#caller.call(
      operations.CreatePackage,
      // GraphQL takes one item for a list of one.
      () => ({ input: inputOf(newPackage) as NewPackage & { features: [] } }),
      (data) => data.createPackage,
    );

  /** Changes the metadata of a package of any status. Errors: `PackageNotFoundError`, `InputError`. */
  update = (args: ById & { input: PackageChange }): Promise<Result<Package>> =>
    this.#caller.call(
      operations.UpdatePackage,
      () => args,
      (data) => data.updatePackage,
    );

  /** One package, with its features only if `includeFeatures` is true. Errors: `PackageNotFoundError`. */
  retrieve = ((args: ById & { includeFeatures?: boolean }) =>
    this.#caller.call(
      operations.RetrievePackage,
      () => args,
      (data) => data.package,
    )) as RetrievePackage;

  /** All packages of one status, by default `PUBLISHED`, with their features only if `includeFeatures` is true. */
  list = ((args?: PackageList) =>
    this.#caller.call(
      operations.ListPackages,
      () => args,
      (data) => data.packages,
    )) as ListPackages;

  /** Opens a `DRAFT` to subscribers, for good. Errors: `PackageNotFoundError`, `InputError`. */
  publish = (args: ById): Promise<Result<Package>> =>
    this.#caller.call(
      operations.PublishPackage,
      () => args,
      (data) => data.publishPackage,
    );

  /** Closes a package to new subscribers, for good. Errors: `PackageNotFoundError`, `InputError`. */
  archive = (args: ById): Promise<Result<Package>> =>
    this.#caller.call(
      operations.ArchivePackage,
      () => args,
      (data) => data.archivePackage,
    );
}
