import type { ReactNode } from 'react';
import type { Format, Labels } from '../core/format.ts';
import type { Package, Subscription } from '../core/types.ts';
import { usePackages, useUser } from './hooks.ts';
import { useShared } from './provider.tsx';

/** A package, and what the user has of it. */
export interface Offer {
  package: Package;
  /** The user's subscription to it, if there is one that has not ended. */
  subscription: Subscription | null;
}

export interface PricingTableProps {
  /** Called when the user chooses a package. The client API only reads: let your server make a payment link, or subscribe. */
  onChoose?: (chosen: Package) => void;
  /** Which packages are shown, in this order. By default all base packages, the cheapest first. */
  packageIds?: readonly string[];
  /** The level of the headings. By default 3. */
  headingLevel?: 2 | 3 | 4 | 5 | 6;
  className?: string;
  /** Shown while nothing is known. By default nothing. */
  fallback?: ReactNode;
  /** Renders one package in another way. */
  children?: (offer: Offer) => ReactNode;
}

/**
 * The published packages as a list, with prices, features and what the user has. It has no style: style
 * `[data-kana=pricing]` and its `[data-part]`s; `[data-current]` is the plan of the user.
 */
export function PricingTable(props: PricingTableProps) {
  const { onChoose, packageIds, headingLevel = 3, className, fallback = null, children } = props;
  const { data: packages } = usePackages();
  const { data: user } = useUser();
  if (packages === null) return <>{fallback}</>;
  const offers = chosen(packages, packageIds).map((each) => ({
    package: each,
    subscription: user?.subscriptions.find(({ packageId }) => packageId === each.id) ?? null,
  }));
  return (
    <ul data-kana="pricing" className={className}>
      {offers.map((offer) => (
        <li
          key={offer.package.id}
          data-part="package"
          data-package={offer.package.id}
          data-current={offer.subscription === null ? undefined : ''}
        >
          {children?.(offer) ?? <OfferShown {...{ offer, onChoose, headingLevel }} />}
        </li>
      ))}
    </ul>
  );
}

function chosen(packages: Package[], ids: readonly string[] | undefined): Package[] {
  if (ids !== undefined) return ids.flatMap((id) => packages.find((each) => each.id === id) ?? []);
  const costOf = ({ prices: [first] }: Package) => first?.amount ?? 0;
  return packages.filter(({ isAddon }) => !isAddon).sort((a, b) => costOf(a) - costOf(b));
}

interface OfferShownProps extends Pick<PricingTableProps, 'onChoose'> {
  offer: Offer;
  headingLevel: NonNullable<PricingTableProps['headingLevel']>;
}

function OfferShown({ offer, onChoose, headingLevel }: OfferShownProps) {
  const { labels, format } = useShared();
  const { package: shown, subscription } = offer;
  const Heading = `h${headingLevel}` as const;
  return (
    <>
      <Heading data-part="name">{shown.name}</Heading>
      {shown.prices.length === 0 && <p data-part="price">{labels.free}</p>}
      {shown.prices.map((price) => (
        <p key={price.id} data-part="price">
          {labels.price(price, format)}
        </p>
      ))}
      <ul data-part="features">
        {shown.packageFeatures.map((feature) => (
          <li key={feature.featureId} data-feature={feature.featureId}>
            {labels.feature(feature, format)}
          </li>
        ))}
      </ul>
      {subscription !== null && <p data-part="status">{statusOf(subscription, labels, format)}</p>}
      {subscription === null && onChoose !== undefined && (
        <button type="button" data-part="choose" onClick={() => onChoose(shown)}>
          {labels.choose(shown.name)}
        </button>
      )}
    </>
  );
}

function statusOf(
  { status, startedAt, trialEnd, cancelsAt }: Subscription,
  labels: Labels,
  format: Format,
): string {
  if (status === 'SCHEDULED') return labels.startsOn(format.date(startedAt));
  const parts = [labels.current];
  if (status === 'TRIALING' && trialEnd !== null) parts.push(labels.trialUntil(format.date(trialEnd)));
  if (cancelsAt !== null) parts.push(labels.endsOn(format.date(cancelsAt)));
  return parts.join('. ');
}
