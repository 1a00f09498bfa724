import { Text } from '@mantine/core';

/**
 * A state in words, with a dot: full for what is so now, hollow for what is not.
 *
 * @param tone `bad` asks for a person
 */
export const State = ({ tone, children }: { tone?: 'good' | 'bad' | undefined; children: string }) => (
  <Text span size="sm" className="state" data-tone={tone}>
    {children}
  </Text>
);
