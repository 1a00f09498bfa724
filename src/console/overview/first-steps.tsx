import { Anchor, Stack, Text, Timeline } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { Link } from 'react-router';
import { useEnvironment } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';

/** What to do first, each with what a server would send for it. */
export function FirstSteps({ done, packageId }: { done: readonly boolean[]; packageId: string }) {
  const environment = useEnvironment();
  const paths = usePaths();
  const steps = [
    {
      title: 'Say what your customers use',
      text: 'A feature that is counted, or had or not.',
      to: paths.features,
      link: 'Make a feature',
      operation: 'mutation { createFeature(input: { id: "api-calls", type: CONSUMABLE }) { id } }',
    },
    {
      title: 'Say what they buy',
      text: 'A package grants so much of each feature. Save it as a draft, then publish it.',
      to: paths.newPackage,
      link: 'Make a package',
      operation:
        'mutation { createPackage(input: { id: "pro", features: [{ id: "api-calls", entitlement: { limit: 1000, resetPeriod: MONTH } }] }) { id } publishPackage(id: "pro") { status } }',
    },
    {
      title: 'Subscribe a user, and record usage',
      text: 'Your server tells who uses what, and asks whether they may.',
      to: paths.users,
      link: 'Make a user',
      operation: `mutation { createUser(input: { id: "ada" }) { id } subscribe(userId: "ada", packageIds: ["${packageId}"]) { id } recordUsage(input: { userId: "ada", featureId: "api-calls" }) { recorded } }`,
    },
  ];
  // The first step that is still to be done.
  const next = done.indexOf(false);
  return (
    <Card title="Three steps to begin">
      <Timeline active={(next === -1 ? steps.length : next) - 1} bulletSize={28}>
        {steps.map(({ title, text, to, link, operation }, index) => (
          <Timeline.Item
            key={title}
            title={title}
            bullet={done[index] ? <IconCheck size={16} aria-label="Done" role="img" /> : index + 1}
          >
            <Stack gap="xs">
              <Text size="sm">
                {text}{' '}
                <Anchor component={Link} to={to} underline="always">
                  {link}
                </Anchor>
                {', or send this:'}
              </Text>
              <Copyable text={curl(environment, operation)} block />
            </Stack>
          </Timeline.Item>
        ))}
      </Timeline>
    </Card>
  );
}

const curl = (environment: string, operation: string) =>
  `curl ${window.location.origin}/graphql -H 'Authorization: prv_${environment}_…' -H 'Content-Type: application/json' \\
  -d '${JSON.stringify({ query: operation })}'`;
