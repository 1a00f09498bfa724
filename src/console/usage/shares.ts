type Count = { totalCount: number };

/**
 * How many users have used half of their limit or more, by the part: of counts of those who used at least so much. Those
 * who used less are not counted: they are most users, and counting takes as long as there are users.
 */
export function sharesOf(counts: Record<'half' | 'near' | 'full', Count>) {
  const [half, near, full] = [counts.half, counts.near, counts.full].map(({ totalCount }) => totalCount) as [
    number,
    number,
    number,
  ];
  // The counts are of different instants: somebody may have gone from one to the next meanwhile.
  const between = (least: number, next: number) => Math.max(0, least - next);
  return [
    { label: '50 to 80%', count: between(half, near), isOver: false },
    { label: '80 to 100%', count: between(near, full), isOver: false },
    { label: 'All of it, or more', count: full, isOver: true },
  ];
}
