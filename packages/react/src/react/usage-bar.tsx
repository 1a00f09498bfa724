import { type ReactNode, useId } from 'react';
import type { EntitlementView } from '../core/entitlement.ts';
import { useEntitlement } from './hooks.ts';
import { useShared } from './provider.tsx';

/** What a bar shows of a usage. */
export interface UsageShown {
  view: EntitlementView;
  /** The name of the feature. */
  label: string;
  /** The usage in words, such as "40 of 50 API calls". */
  text: string;
  /** The part of the budget that is used, from 0 to 1. Null without a budget. */
  fraction: number | null;
  /** `none`: not entitled. `low`: less than a fifth is left. `over`: nothing is left. */
  level: 'none' | 'unlimited' | 'ok' | 'low' | 'over';
}

export interface UsageBarProps {
  /** The id of a CONSUMABLE feature. */
  feature: string;
  /** In the place of the name of the feature. */
  label?: string;
  className?: string;
  /** Shown while nothing is known, and to users without the feature. By default nothing. */
  fallback?: ReactNode;
  /** Renders it in another way. */
  children?: (shown: UsageShown) => ReactNode;
}

/**
 * The usage of a feature: its name, words, and a meter where there is a budget. It has no style but the width of the
 * meter's inner part: style `[data-kana=usage]` and its `[data-part]`s.
 */
export function UsageBar({ feature, label, className, fallback = null, children }: UsageBarProps) {
  const view = useEntitlement(feature);
  const { labels, format } = useShared();
  const id = useId();
  if (view.entitlement === null) return <>{fallback}</>;
  const name = label ?? view.entitlement.feature.name;
  const shown = { view, label: name, text: labels.usage(view, format), ...measure(view) };
  if (children !== undefined) return <>{children(shown)}</>;
  const { text, fraction, level } = shown;
  return (
    <div data-kana="usage" data-feature={feature} data-level={level} className={className}>
      <span data-part="label" id={id}>
        {name}
      </span>{' '}
      <span data-part="text">{text}</span>
      {fraction !== null && (
        // biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> in their own way, whatever its style
        <div
          data-part="meter"
          role="meter"
          aria-labelledby={id}
          aria-valuemin={0}
          aria-valuemax={view.budget ?? 0}
          aria-valuenow={Math.min(view.used, view.budget ?? 0)}
          aria-valuetext={text}
        >
          <div data-part="fill" style={{ width: `${fraction * 100}%` }} />
        </div>
      )}
    </div>
  );
}

function measure({ budget, used, remaining }: EntitlementView): Pick<UsageShown, 'fraction' | 'level'> {
  if (budget === null) return { fraction: null, level: 'unlimited' };
  const fraction = budget === 0 ? 1 : Math.min(used / budget, 1);
  if (remaining === 0) return { fraction, level: 'over' };
  return { fraction, level: fraction > 0.8 ? 'low' : 'ok' };
}
