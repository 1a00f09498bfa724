import { Text } from '@mantine/core';

/** Who did something, and why. */
export function Why({ what, who, why }: { what?: string; who: string | null; why: string | null }) {
  return (
    <div>
      {what !== undefined && <Text size="sm">{what}</Text>}
      {why && (
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {why}
        </Text>
      )}
      {(who !== null || (why === null && what === undefined)) && (
        <Text size="xs" c="dimmed">
          {who ?? '—'}
        </Text>
      )}
    </div>
  );
}
