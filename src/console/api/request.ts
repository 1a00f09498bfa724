import { basePath } from '../frame/base-path.ts';
import type { TypedDocumentString } from '../generated/operations.ts';
import { noteDataAge } from './data-age.ts';

export const environments = ['test', 'live'] as const;
export type Environment = (typeof environments)[number];

/** Why a request failed; the message is for people. */
export class RequestError extends Error {
  /** `UNREACHABLE` if there was no response; otherwise the server's code. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
  }
}

export const isCode = (error: unknown, code: string): boolean =>
  error instanceof RequestError && error.code === code;

/** Retries once, and only if the server was unreachable. */
export const shouldAskAgain = (failures: number, error: unknown): boolean =>
  failures < 2 && isCode(error, 'UNREACHABLE');

/** Sends an operation to one environment; returns its data or throws a RequestError. */
export async function request<Result, Variables>(
  environment: Environment,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const body = JSON.stringify({ query: document.toString(), variables });
  const { data, errors, extensions } = await call('/graphql', environment, { method: 'POST', body });
  const [error] = errors ?? [];
  if (error !== undefined) throw new RequestError(error.extensions?.code ?? '', error.message);
  noteDataAge(document.toString(), extensions?.dataAgeSeconds);
  return data;
}

/** What a person may do; `admin` includes the others. */
export type Permission = 'read' | 'usage' | 'ingest' | 'edit' | 'admin';

/** A session of this browser in one environment. */
export interface Session {
  environment: Environment;
  /** Of the key; null for a member. */
  lastFour: string | null;
  member: { name: string; email: string; role: string } | null;
  permissions: Permission[];
  expiresAt: string;
}

/** The sessions of this browser, and how one may sign in. */
export interface Entrance {
  sessions: Session[];
  ways: {
    hasMembers: boolean;
    /** What the button of the OpenID Connect provider says; null without one. */
    oidc: string | null;
  };
}

export const readEntrance = (): Promise<Entrance> => call('/console/session', '', {});

/** Signs in with a private key, or as a member: to every environment in which the member has a role. */
export async function signIn(by: { key: string } | { email: string; password: string }): Promise<Session[]> {
  return (await send('POST', 'session', by)).sessions;
}

/** Sends something about the own account, or about a link. The environment is the one that one is signed in to. */
export const send = (method: string, path: string, body: object, environment: Environment | '' = '') =>
  call(`/console/${path}`, environment, { method, body: JSON.stringify(body) });

export interface OwnAccount {
  name: string;
  email: string;
  hasPassword: boolean;
  sessions: {
    id: string;
    environment: Environment;
    createdAt: string;
    lastSeenAt: string;
    isThis: boolean;
  }[];
}

export const readAccount = (environment: Environment): Promise<OwnAccount> =>
  call('/console/account', environment, {});

export async function signOut(environment: Environment): Promise<void> {
  await call('/console/session', environment, { method: 'DELETE' });
}

async function call(path: string, environment: Environment | '', options: RequestInit) {
  // Other sites cannot send this header, which protects against CSRF.
  const headers = { 'Content-Type': 'application/json', 'X-Kana-Console': environment };
  let response: Response;
  try {
    response = await fetch(basePath() + path, { ...options, headers });
  } catch {
    throw new RequestError('UNREACHABLE', 'The server does not respond.');
  }
  if (response.status === 204) return undefined;
  const answer = await response.json().catch(() => null);
  if (answer === null) throw new RequestError('UNREACHABLE', 'The server does not respond.');
  if (path !== '/graphql' && !response.ok) {
    const [error] = answer.errors ?? [];
    throw new RequestError(error?.extensions?.code ?? '', error?.message ?? 'Something went wrong.');
  }
  return answer;
}
