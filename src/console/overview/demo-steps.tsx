import { Anchor, Text } from '@mantine/core';
import { Link } from 'react-router';
import { pathsOf, usePaths } from '../frame/paths.ts';
import { Card } from '../parts/card.tsx';
import { type Removal, RemoveDemoButton } from './remove-demo.tsx';
import { type Step, Steps } from './steps.tsx';

/** The user in the demo data that the first start creates. */
export const demoUserId = 'demo-user';
const demoFeatureId = 'api-calls';

/** First steps while only the demo data exists. */
export function DemoSteps({ removal }: { removal: Removal }) {
  const paths = usePaths();
  const steps: Step[] = [
    {
      title: 'See what a user may use',
      text: 'Bars show what is used and what is granted:',
      to: paths.user(demoUserId),
      link: 'open Demo User',
      operation: `{ canUseFeature(userId: "${demoUserId}", featureId: "${demoFeatureId}") { access reason consumption { used budget } } }`,
    },
    {
      title: 'Record usage, and see the bar move',
      text: 'Your server records usage:',
      to: paths.user(demoUserId),
      link: 'record usage of Demo User',
      operation: `mutation { recordUsage(input: { userId: "${demoUserId}", featureId: "${demoFeatureId}", delta: 500 }) { recorded } }`,
    },
    {
      title: 'Make your own',
      text: 'Features, packages of them, and users. Remove the demo data when you are done with it: the button is above. To begin:',
      to: paths.features,
      link: 'make a feature',
    },
  ];
  return (
    <Card title="Try it with the demo data" action={<RemoveDemoButton removal={removal} />}>
      <Text>
        These features and packages and the user <strong>Demo User</strong> came with the server, to try
        things on;{' '}
        <Anchor component={Link} to={pathsOf('live').overview} underline="always">
          Live
        </Anchor>{' '}
        has none of them. These steps go away once you have a user of your own.
      </Text>
      <Steps steps={steps} />
    </Card>
  );
}
