import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useLocation } from 'react-router';
import type { TypedDocumentString } from '../generated/operations.ts';
import { type Entrance, type Environment, environments, isCode, readEntrance, request } from './request.ts';

/** How often the session and the server are checked, in milliseconds. */
const heartbeat = 5_000;

/** The environment in the URL. */
export function useEnvironment(): Environment {
  const [, environment] = useLocation().pathname.split('/');
  return environments.find((each) => each === environment) ?? 'test';
}

export const sessionsKey = ['sessions'];

/** The environments this browser is signed in to, and how one may sign in, kept up to date. */
function useEntrance<Told>(select: (entrance: Entrance) => Told) {
  const options = { queryKey: sessionsKey, queryFn: readEntrance, refetchInterval: heartbeat, staleTime: 0 };
  return useQuery({ ...options, select });
}

export const useSessions = () => useEntrance(({ sessions }) => sessions);
export const useWays = () => useEntrance(({ ways }) => ways).data;

/** The session of the environment in the URL. */
export function useSession() {
  const environment = useEnvironment();
  return useSessions().data?.find((session) => session.environment === environment);
}

/** What the cache calls a query, and how it is run. */
function useQuestion() {
  const environment = useEnvironment();
  const client = useQueryClient();
  return <Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables) => ({
    queryKey: [environment, document.toString(), variables] as const,
    queryFn: async () => {
      try {
        return await request(environment, document, variables);
      } catch (error) {
        if (isCode(error, 'UNAUTHENTICATED')) client.invalidateQueries({ queryKey: sessionsKey });
        throw error;
      }
    },
  });
}

/**
 * Runs queries before what shows them is there.
 *
 * @returns a function; what was answered less than `freshMs` ago, it does not ask for again
 */
export function useAhead() {
  const client = useQueryClient();
  const question = useQuestion();
  return <Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    freshMs?: number,
  ): void => {
    void client.prefetchQuery({ ...question(document, variables), ...fresh(freshMs) });
  };
}

/** How long a pointer rests on what is likely to be clicked next, in milliseconds. */
const restMs = 50;

/**
 * For the links of a list, each to what a page shows.
 *
 * @returns what a link gets, so that something is done when the pointer rests on it, or its button goes down: the click
 *   comes later
 */
export function useRest() {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const stop = () => clearTimeout(timer.current);
  return (does: () => void) => ({
    onMouseEnter: () => {
      timer.current = setTimeout(does, restMs);
    },
    onMouseLeave: stop,
    onPointerDown: () => {
      stop();
      does();
    },
  });
}

const fresh = (freshMs: number | undefined) => (freshMs === undefined ? {} : { staleTime: freshMs });

/**
 * Runs a query.
 *
 * @param options.every how often it is run again, in milliseconds
 * @param options.freshMs for what costs the server much: an answer of this age is not asked for again
 */
export function useAnswer<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  options: { enabled?: boolean; keepPrevious?: boolean; every?: number; freshMs?: number } = {},
) {
  return useQuery({
    ...useQuestion()(document, variables),
    ...fresh(options.freshMs),
    enabled: options.enabled ?? true,
    placeholderData: options.keepPrevious ? keepPreviousData : undefined,
    refetchInterval: options.every,
  });
}

/** Refetches everything shown each time that the value changes. */
export function useRefresh(value: number): void {
  const environment = useEnvironment();
  const client = useQueryClient();
  const seen = useRef(value);
  useEffect(() => {
    if (seen.current === value) return;
    seen.current = value;
    client.invalidateQueries({ queryKey: [environment] });
  }, [client, environment, value]);
}

/** Runs a mutation, then refetches everything shown. */
export const useChange = <Result, Variables>(document: TypedDocumentString<Result, Variables>) =>
  useSteps<Variables, Result>((run, variables) => run(document, variables));

/** Runs one operation. */
type Run = <Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
) => Promise<Result>;

/** Runs several operations as one, then refetches everything shown: a failure may be between two of them. */
export function useSteps<Input, Result = void>(steps: (run: Run, input: Input) => Promise<Result>) {
  const environment = useEnvironment();
  const client = useQueryClient();
  return useMutation<Result, Error, Input>({
    mutationFn: (input) => steps((document, variables) => request(environment, document, variables), input),
    onSuccess: () => client.invalidateQueries({ queryKey: [environment] }),
    onError: (error) => {
      client.invalidateQueries({ queryKey: isCode(error, 'UNAUTHENTICATED') ? sessionsKey : [environment] });
    },
  });
}
