import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { send } from '../api/request.ts';

/** The token of the link that led here, which stands after the `#`, and what the server says of it. */
export function useLink<Told>(path: 'invitation' | 'password') {
  const [token] = useState(() => window.location.hash.slice(1));
  const told = useQuery<Told>({
    queryKey: [path, token],
    queryFn: () => send('POST', path, { token }),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return { token, told };
}
