import { Table, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';

interface Column {
  label: string;
  /** Numbers stand at the right, below each other. */
  numeric?: boolean;
  /** Only for those who hear the table: what stands below needs no title for the eye. */
  hidden?: boolean;
}

/** A table that can be read on a phone too: there it scrolls by itself. */
export function DataTable(props: {
  label: string;
  columns: readonly Column[];
  /** Below this width it scrolls, in pixels. */
  minWidth?: number;
  children: ReactNode;
}) {
  const { label, columns, minWidth = 520, children } = props;
  return (
    <Table.ScrollContainer minWidth={minWidth} type="native" tabIndex={0} pos="relative">
      <Table verticalSpacing="sm" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column.label} ta={column.numeric ? 'right' : undefined}>
                {column.hidden ? <VisuallyHidden>{column.label}</VisuallyHidden> : column.label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
