export { type EntitlementOptions, type EntitlementView, viewOf } from './entitlement.ts';
export { createFormat, english, type Format, type Labels } from './format.ts';
export { createKana, fetchPackages, fetchUserData, type Kana, type KanaOptions } from './kana.ts';
export { Resource, type State } from './resource.ts';
export { type Credentials, KanaError } from './transport.ts';
export type {
  Consumption,
  Entitlement,
  Feature,
  Package,
  PackageFeature,
  Price,
  ResetPeriod,
  Subscription,
  UserData,
} from './types.ts';
