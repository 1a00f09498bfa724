import type { ById, Described, NewPackage, PackageChange, PackageList } from './inputs.ts';
import { type Method, toInput } from './method.ts';
import { packageOnDemand, page, wholePackage } from './operations.ts';
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

export const createPackages = (query: Method, mutation: Method) => ({
  /** Makes a `DRAFT`. Errors: `ConflictError`, `FeatureNotFoundError`, `InputError`. */
  create: mutation<[newPackage: Described<NewPackage>], Package>(
    'createPackage',
    'input',
    wholePackage,
    toInput,
  ),

  /** Changes the metadata of a package of any status. Errors: `PackageNotFoundError`, `InputError`. */
  update: mutation<[args: ById & { input: PackageChange }], Package>(
    'updatePackage',
    'id, input',
    wholePackage,
  ),

  /** One package, with its features only if `includeFeatures` is true. Errors: `PackageNotFoundError`. */
  retrieve: query('package', `id, ${onDemand}`, packageOnDemand) as RetrievePackage,

  /** All packages of one status, by default `PUBLISHED`, with their features only if `includeFeatures` is true. */
  list: query('packages', `status: String, ${onDemand}, ${page}`, packageOnDemand) as ListPackages,

  /** Opens a `DRAFT` to subscribers, for good. Errors: `PackageNotFoundError`, `InputError`. */
  publish: mutation<[args: ById], Package>('publishPackage', 'id', wholePackage),

  /** Closes a package to new subscribers, for good. Errors: `PackageNotFoundError`, `InputError`. */
  archive: mutation<[args: ById], Package>('archivePackage', 'id', wholePackage),
});
