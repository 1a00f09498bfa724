import { amountOf, amountOrNull, amountText, numberOf, numberOrNull, textOrNull } from '../amount.ts';
import type { PackageFeature } from './rules.ts';

/** An amount as the database gives it. */
type Stored = { toFixed(): string };

/** A feature in a package as it is stored, with its amounts as numbers. */
export const shownGrant = <Row extends { limit: Stored | null; alertAtAmount: Stored[] }>({
  limit,
  alertAtAmount,
  ...feature
}: Row) => ({
  ...feature,
  limit: numberOrNull(amountOrNull(limit)),
  alertAtAmount: alertAtAmount.map((amount) => numberOf(amountOf(amount))),
});

/** A feature in a package, at its place, as it is to be stored. */
export const storedGrant = ({ limit, alertAtAmount, ...feature }: PackageFeature, position: number) => ({
  ...feature,
  limit: textOrNull(amountOrNull(limit)),
  alertAtAmount: alertAtAmount.map((amount) => amountText(amountOf(amount))),
  position,
});
