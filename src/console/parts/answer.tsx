import { Alert, Button, Skeleton, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { isCode } from '../api/request.ts';
import { NotFound } from '../frame/not-found.tsx';
import { readable } from './messages.ts';

interface Asked<Data> {
  data: Data | undefined;
  error: Error | null;
  refetch: () => unknown;
}

/**
 * The result of a query: loading, error or content.
 *
 * @param loading as high as what comes, so that nothing below is moved
 */
export function Answer<Data>(props: {
  of: Asked<Data>;
  loading?: ReactNode;
  children: (data: Data) => ReactNode;
}) {
  const { of, loading = <Loading />, children } = props;
  if (of.data !== undefined) return children(of.data);
  if (of.error === null) return loading;
  if (isCode(of.error, 'NOT_FOUND')) return <NotFound what={of.error.message} />;
  return (
    <Alert color="red" title="Could not load this" role="alert">
      <Stack align="start">
        <Text>{of.error.message}</Text>
        <Button variant="default" onClick={() => of.refetch()}>
          Try again
        </Button>
      </Stack>
    </Alert>
  );
}

const Loading = () => (
  <Stack role="status" aria-label="Loading">
    <Skeleton h={32} w="60%" />
    <Skeleton h={32} />
    <Skeleton h={32} />
    <Skeleton h={32} w="80%" />
  </Stack>
);

/** The empty state: why there is nothing yet, and the next step. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <Stack align="center" py={48} px="md" ta="center" gap="sm">
      <Text fw={600} size="lg">
        {title}
      </Text>
      <Text c="dimmed" maw={520} component="div" style={{ textWrap: 'pretty' }}>
        {children}
      </Text>
      {action}
    </Stack>
  );
}

/** The error of a failed action. */
export const Failure = ({ error }: { error: Error | null }) =>
  error && (
    <Alert color="red" role="alert" title="That did not work">
      {readable(error.message)}
    </Alert>
  );
