import { Text } from '@mantine/core';

/** An age that people need not know about. */
const unremarkableMs = 30_000;

const ageInWords = (ms: number): string => {
  const minutes = Math.round(ms / 60_000);
  return minutes < 2 ? 'about a minute ago' : `${minutes} minutes ago`;
};

/** Says how old figures are that the server counts only every few minutes. Nothing if they are current. */
export function AsOf({ at }: { at: string | null | undefined }) {
  const ageMs = at == null ? 0 : Date.now() - Date.parse(at);
  if (ageMs < unremarkableMs) return null;
  return (
    <Text size="xs" c="dimmed" span>
      Use of limits as counted {ageInWords(ageMs)}.
    </Text>
  );
}
