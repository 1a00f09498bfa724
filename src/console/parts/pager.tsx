import { Button, Group } from '@mantine/core';
import { useState } from 'react';

/** Paging through a list. */
export interface Pages {
  /** The id before the current page; undefined on the first page. */
  after: string | undefined;
  isFirst: boolean;
  back: () => void;
  goAfter: (last: string | undefined) => void;
}

export function usePages(): Pages {
  const [before, setBefore] = useState<(string | undefined)[]>([undefined]);
  return {
    after: before.at(-1),
    isFirst: before.length === 1,
    back: () => setBefore(before.slice(0, -1)),
    goAfter: (last) => setBefore([...before, last]),
  };
}

/**
 * Previous and next; hidden if there is only one page.
 *
 * @param full whether the page is full, so that another may follow
 * @param last the id of the last item on the page
 */
export function Pager({ pages, full, last }: { pages: Pages; full: boolean; last: string | undefined }) {
  if (pages.isFirst && !full) return null;
  return (
    <Group justify="end" mt="md">
      <Button variant="default" size="xs" disabled={pages.isFirst} onClick={pages.back}>
        Previous
      </Button>
      <Button variant="default" size="xs" disabled={!full} onClick={() => pages.goAfter(last)}>
        Next
      </Button>
    </Group>
  );
}
