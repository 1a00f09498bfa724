import { Table, Text, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import { useHiddenEdges } from './edges.ts';

interface Column {
  label: string;
  /** Numbers are right-aligned. */
  numeric?: boolean;
  /** Visible to screen readers only. */
  hidden?: boolean;
  /** Left out on a phone, with its cells. */
  wide?: boolean;
  /** What stands there in place of the label. */
  head?: ReactNode;
}

/**
 * A table that scrolls horizontally on narrow screens, and says so. The edge that hides content
 * is shaded.
 */
export function DataTable(props: {
  label: string;
  columns: readonly Column[];
  /** The width in pixels below which it scrolls. By default, one that leaves columns out fits a phone. */
  minWidth?: number;
  children: ReactNode;
}) {
  const { label, columns, children } = props;
  const { minWidth = columns.some(({ wide }) => wide) ? 280 : 520 } = props;
  const { ref, left, right } = useHiddenEdges();
  const wide = columns.flatMap((column, index) => (column.wide ? [index + 1] : []));
  return (
    <div>
      {(left || right) && (
        <Text size="xs" c="dimmed" ta="right" px="xs" pt={4}>
          {right ? 'More columns: scroll sideways →' : '← More columns: scroll sideways'}
        </Text>
      )}
      <div className="edges" data-more-left={left || undefined} data-more-right={right || undefined}>
        <Table.ScrollContainer ref={ref} minWidth={minWidth} type="native" tabIndex={0} pos="relative">
          <Table aria-label={label} data-wide={wide.join(' ') || undefined}>
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <Table.Th key={column.label} ta={column.numeric ? 'right' : undefined}>
                    {column.head ??
                      (column.hidden ? <VisuallyHidden>{column.label}</VisuallyHidden> : column.label)}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>{children}</Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </div>
    </div>
  );
}
