import { Alert, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Environment, send } from '../api/request.ts';
import { Entry } from '../frame/sign-in.tsx';
import { Theme } from '../frame/theme.tsx';

/** The page of a link: its token stands after the `#`, and the server says what it is for. */
export function LinkPage<Told extends { email: string; environment?: Environment }>(props: {
  path: 'invitation' | 'password';
  title: string;
  children: (token: string, told: Told) => ReactNode;
}) {
  const { path, title, children } = props;
  const [token] = useState(() => window.location.hash.slice(1));
  const { data, error, isLoading } = useQuery<Told>({
    queryKey: [path, token],
    queryFn: () => send('POST', path, { token }),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Theme environment={data?.environment ?? 'test'}>
      <Entry title={title}>
        {data && children(token, data)}
        {isLoading && <Loader aria-label="Loading" />}
        {error && (
          <Alert color="red" role="alert" title="This does not work">
            {error.message}
          </Alert>
        )}
      </Entry>
    </Theme>
  );
}
