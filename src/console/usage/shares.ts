type Count = { totalCount: number };

/** How many users have used a part of their limit, by the part: of counts of those who used at least so much. */
export function sharesOf(counts: Record<'some' | 'half' | 'near' | 'full', Count>) {
  const [some, half, near, full] = [counts.some, counts.half, counts.near, counts.full].map(
    ({ totalCount }) => totalCount,
  ) as [number, number, number, number];
  // The counts are of different instants: somebody may have gone from one to the next meanwhile.
  const between = (least: number, next: number) => Math.max(0, least - next);
  return [
    { label: 'Less than half', count: between(some, half), isOver: false },
    { label: '50 to 80%', count: between(half, near), isOver: false },
    { label: '80 to 100%', count: between(near, full), isOver: false },
    { label: 'All of it, or more', count: full, isOver: true },
  ];
}
