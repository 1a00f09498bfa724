/** Whether the event names a feature in its properties. */
export function namesFeature(payload: unknown, featureId: string): boolean {
  const properties = partOf(payload, 'properties');
  return partOf(properties, 'featureId') === featureId;
}

const partOf = (whole: unknown, name: string): unknown =>
  typeof whole === 'object' && whole !== null
    ? Object.entries(whole).find(([key]) => key === name)?.[1]
    : null;
