import { z } from 'zod';
import { StartupError } from '../errors.ts';

/** The OpenID Connect provider by which members may sign in. */
export interface OidcSettings {
  issuer: URL;
  clientId: string;
  clientSecret: string;
  /** What the button on the sign-in page says. */
  name: string;
}

const isLoopback = (host: string) => ['localhost', '127.0.0.1', '[::1]'].includes(host);

/** Without TLS anybody on the way could be the provider. On this machine nobody is on the way. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

export const oidcVariables = {
  OIDC_ISSUER: z.string().refine(isIssuer, 'must be an https address').optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_NAME: z.string().max(40, 'must be at most 40 characters').default('single sign-on'),
};

/** @throws StartupError if only some are set */
export function oidcSettings(data: {
  OIDC_ISSUER?: string | undefined;
  OIDC_CLIENT_ID?: string | undefined;
  OIDC_CLIENT_SECRET?: string | undefined;
  OIDC_NAME: string;
}): OidcSettings | null {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret } = data;
  if (issuer === undefined && clientId === undefined && clientSecret === undefined) return null;
  if (issuer === undefined || clientId === undefined || clientSecret === undefined)
    throw new StartupError(
      'Bad configuration: set all of OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or none.',
    );
  return { issuer: new URL(issuer), clientId, clientSecret, name: data.OIDC_NAME };
}
