import type { PackageStatus } from '../generated/operations.ts';
import { State } from '../parts/state.tsx';

const words = { DRAFT: 'Draft', PUBLISHED: 'Published', ARCHIVED: 'Archived' } as const;

/** `ALL` is a filter, not a status. */
export const StatusBadge = ({ status }: { status: PackageStatus }) => (
  <State {...(status === 'PUBLISHED' && { tone: 'good' })}>
    {words[status === 'ALL' ? 'DRAFT' : status]}
  </State>
);
