import { usePaths } from '../frame/paths.ts';
import { Card } from '../parts/card.tsx';
import { type Step, Steps } from './steps.tsx';

/** First steps in an empty environment. */
export function FirstSteps({ done, packageId }: { done: readonly boolean[]; packageId: string }) {
  const paths = usePaths();
  const steps: Step[] = [
    {
      title: 'Create a feature',
      text: 'A feature that is counted, or had or not.',
      to: paths.newFeature,
      link: 'Create feature',
      operation: 'mutation { createFeature(input: { id: "api-calls", type: CONSUMABLE }) { id } }',
    },
    {
      title: 'Create a package',
      text: 'A package grants so much of each feature. Save it as a draft, then publish it.',
      to: paths.newPackage,
      link: 'Create package',
      operation:
        'mutation { createPackage(input: { id: "pro", features: [{ id: "api-calls", entitlement: { limit: 1000, resetPeriod: MONTH } }] }) { id } publishPackage(id: "pro") { status } }',
    },
    {
      title: 'Subscribe a user and record usage',
      text: 'Your server records usage, and checks access.',
      to: paths.users,
      link: 'Create user',
      operation: `mutation { createUser(input: { id: "ada" }) { id } subscribe(userId: "ada", packageIds: ["${packageId}"]) { id } recordUsage(input: { userId: "ada", featureId: "api-calls" }) { recorded } }`,
    },
  ];
  return (
    <Card title="Get started">
      <Steps steps={steps.map((step, index) => ({ ...step, isDone: done[index] }))} />
    </Card>
  );
}
