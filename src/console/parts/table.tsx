import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

interface Column {
  label: string;
  /** Numbers stand at the right, below each other. */
  numeric?: boolean;
}

/** A table that can be read on a phone too: there it scrolls by itself. */
export function DataTable(props: { label: string; columns: readonly Column[]; children: ReactNode }) {
  const { label, columns, children } = props;
  return (
    <Table.ScrollContainer
      minWidth={520}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, 'aria-label': label, role: 'region' } }}
    >
      <Table verticalSpacing="sm" highlightOnHover aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column.label} ta={column.numeric ? 'right' : undefined}>
                {column.label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
