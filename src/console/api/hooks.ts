import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'react-router';
import type { TypedDocumentString } from '../generated/operations.ts';
import { type Environment, environments, isCode, listSessions, request } from './request.ts';

/** How often the browser asks whether it is still signed in, and whether the server is there; milliseconds. */
const heartbeat = 5_000;

/** The environment that the address names. */
export function useEnvironment(): Environment {
  const [, environment] = useLocation().pathname.split('/');
  return environments.find((each) => each === environment) ?? 'test';
}

export const sessionsKey = ['sessions'];

/** Which environments this browser is signed in to, followed as long as the page is open. */
export const useSessions = () =>
  useQuery({ queryKey: sessionsKey, queryFn: listSessions, refetchInterval: heartbeat, staleTime: 0 });

/** The answer to an operation that reads. */
export function useAnswer<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  options: { enabled?: boolean; keepPrevious?: boolean; every?: number } = {},
) {
  const environment = useEnvironment();
  const client = useQueryClient();
  return useQuery({
    queryKey: [environment, document.toString(), variables],
    queryFn: async () => {
      try {
        return await request(environment, document, variables);
      } catch (error) {
        if (isCode(error, 'UNAUTHENTICATED')) client.invalidateQueries({ queryKey: sessionsKey });
        throw error;
      }
    },
    enabled: options.enabled ?? true,
    placeholderData: options.keepPrevious ? keepPreviousData : undefined,
    refetchInterval: options.every,
  });
}

/** An operation that changes something; afterwards all that is shown is read again. */
export function useChange<Result, Variables>(document: TypedDocumentString<Result, Variables>) {
  const environment = useEnvironment();
  const client = useQueryClient();
  return useMutation<Result, Error, Variables>({
    mutationFn: (variables) => request(environment, document, variables),
    onSuccess: () => client.invalidateQueries({ queryKey: [environment] }),
    onError: (error) => {
      if (isCode(error, 'UNAUTHENTICATED')) client.invalidateQueries({ queryKey: sessionsKey });
    },
  });
}
