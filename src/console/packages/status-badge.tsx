import { Badge } from '@mantine/core';
import { IconArchive, IconCircleCheck, IconPencil } from '@tabler/icons-react';
import type { PackageStatus } from '../generated/operations.ts';

const looks = {
  DRAFT: { label: 'Draft', Icon: IconPencil },
  PUBLISHED: { label: 'Published', Icon: IconCircleCheck },
  ARCHIVED: { label: 'Archived', Icon: IconArchive },
} as const;

/** `ALL` is a filter, not a status. */
export function StatusBadge({ status }: { status: PackageStatus }) {
  const { label, Icon } = looks[status === 'ALL' ? 'DRAFT' : status];
  return (
    <Badge
      variant={status === 'PUBLISHED' ? 'filled' : 'default'}
      radius="sm"
      tt="none"
      leftSection={<Icon size={12} aria-hidden />}
    >
      {label}
    </Badge>
  );
}
