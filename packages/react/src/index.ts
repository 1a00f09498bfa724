'use client';

export * from './core/index.ts';
export { Gate, type GateProps } from './react/gate.tsx';
export { useEntitlement, useEntitlements, useKana, usePackages, useUser } from './react/hooks.ts';
export { type Offer, PricingTable, type PricingTableProps } from './react/pricing-table.tsx';
export { KanaProvider, type KanaProviderProps } from './react/provider.tsx';
export { UsageBar, type UsageBarProps, type UsageShown } from './react/usage-bar.tsx';
