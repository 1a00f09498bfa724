import { Alert, Badge, Group, List, Stack, Text, Title } from '@mantine/core';
import type { FindingFragment } from '../generated/operations.ts';
import { formatNumber } from '../parts/numbers.ts';

const parts = [
  { kind: 'REFUSED', title: 'Refused' },
  { kind: 'CHANGE', title: 'Changes' },
  { kind: 'KEPT', title: 'Not in the file, kept' },
] as const;

/** What publishing the file would do. */
export function Plan({ findings }: { findings: readonly FindingFragment[] }) {
  if (findings.length === 0)
    return (
      <Alert color="gray" role="status" title="Nothing to publish">
        The file matches the catalogue.
      </Alert>
    );
  return (
    <Stack role="status" aria-label="Preview" gap="sm">
      {parts.map(({ kind, title }) => {
        const found = findings.filter((finding) => finding.kind === kind);
        return found.length > 0 && <Part key={kind} kind={kind} title={title} findings={found} />;
      })}
    </Stack>
  );
}

function Part(props: { kind: FindingFragment['kind']; title: string; findings: readonly FindingFragment[] }) {
  const { kind, title, findings } = props;
  return (
    <div>
      <Title order={3} size="h5" c={kind === 'REFUSED' ? 'var(--mantine-color-error)' : undefined}>
        {title} ({formatNumber(findings.length)})
      </Title>
      <List size="sm">
        {findings.map(({ message, details, isFinal }) => (
          <List.Item key={message}>
            <Group gap="xs">
              <Text size="sm">{message}</Text>
              {isFinal && (
                <Badge size="sm" variant="default">
                  Permanent
                </Badge>
              )}
            </Group>
            {details.length > 0 && (
              <List size="sm" listStyleType="circle" withPadding>
                {details.map((detail) => (
                  <List.Item key={detail}>{detail}</List.Item>
                ))}
              </List>
            )}
          </List.Item>
        ))}
      </List>
    </div>
  );
}
