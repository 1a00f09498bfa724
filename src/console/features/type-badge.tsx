import { Badge } from '@mantine/core';
import type { FeatureType } from '../generated/operations.ts';

/** Counted features are used up; the others are had or not. */
export const TypeBadge = ({ type }: { type: FeatureType }) => (
  <Badge variant="default" radius="sm" tt="none">
    {type === 'CONSUMABLE' ? 'Consumable' : 'Binary'}
  </Badge>
);
