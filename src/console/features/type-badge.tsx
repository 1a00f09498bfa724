import { Badge } from '@mantine/core';
import type { FeatureType } from '../generated/operations.ts';

/** CONSUMABLE features are counted; BINARY ones are on or off. */
export const TypeBadge = ({ type }: { type: FeatureType }) => (
  <Badge variant="default">{type === 'CONSUMABLE' ? 'Consumable' : 'Binary'}</Badge>
);
