import { Text } from '@mantine/core';

/** Who decides on a subscription, with the provider's own word for its status where that says more. */
export function Provider(props: {
  subscription: { provider: string | null; providerStatus: string | null; status: string };
}) {
  const { provider, providerStatus, status } = props.subscription;
  if (provider === null) return null;
  const isSame = providerStatus === null || status.toLowerCase().startsWith(providerStatus.slice(0, 6));
  return (
    <Text size="xs" c="dimmed">
      by {provider === 'STRIPE' ? 'Stripe' : provider}
      {!isSame && `: ${providerStatus.replaceAll('_', ' ')}`}
    </Text>
  );
}
