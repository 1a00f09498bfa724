import type { ById, Described, NewPackage, PackageChange, PackageList } from './inputs.ts';
import { type Method, toInput } from './method.ts';
import { mutation, packageOnDemand, page, query, wholePackage } from './operations.ts';
import type { Result } from './result.ts';
import type { Package, PricedPackage } from './types.ts';

interface RetrievePackage {
  (args: ById & { includeFeatures: true }): Promise<Result<Package>>;
  (args: ById & { includeFeatures?: boolean }): Promise<Result<PricedPackage>>;
}

interface ListPackages {
  (args: PackageList & { includeFeatures: true }): Promise<Result<Package[]>>;
  (args?: PackageList): Promise<Result<PricedPackage[]>>;
}

const onDemand = 'includeFeatures: Boolean = false';

export const createPackages = (method: Method) => ({
  /** Makes a `DRAFT`. Errors: `ConflictError`, `FeatureNotFoundError`, `InputError`. */
  create: method<[newPackage: Described<NewPackage>], Package>(
    mutation('createPackage', 'input: CreatePackageInput!', wholePackage),
    toInput,
  ),

  /** Changes the metadata of a package of any status. Errors: `PackageNotFoundError`, `InputError`. */
  update: method<[args: ById & { input: PackageChange }], Package>(
    mutation('updatePackage', 'id, input: UpdatePackageInput!', wholePackage),
  ),

  /** One package, with its features only if `includeFeatures` is true. Errors: `PackageNotFoundError`. */
  retrieve: method(query('package', `id, ${onDemand}`, packageOnDemand)) as RetrievePackage,

  /** All packages of one status, by default `PUBLISHED`, with their features only if `includeFeatures` is true. */
  list: method(query('packages', `status: String, ${onDemand}, ${page}`, packageOnDemand)) as ListPackages,

  /** Opens a `DRAFT` to subscribers, for good. Errors: `PackageNotFoundError`, `InputError`. */
  publish: method<[args: ById], Package>(mutation('publishPackage', 'id', wholePackage)),

  /** Closes a package to new subscribers, for good. Errors: `PackageNotFoundError`, `InputError`. */
  archive: method<[args: ById], Package>(mutation('archivePackage', 'id', wholePackage)),
});
