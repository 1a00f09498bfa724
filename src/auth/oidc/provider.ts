import type { Configuration } from 'openid-client';
import type { OidcSettings } from '../../config/oidc.ts';

/** The OpenID Connect provider that is configured. */
export interface Provider {
  /** What the button says. */
  name: string;
  /** Begins a sign-in: where to send the browser, and what must be kept to end it. */
  begin(redirectUri: string): Promise<{ url: URL; state: string; nonce: string; verifier: string }>;
  /** Ends a sign-in, at the address to which the provider sent the browser. Returns the claims. */
  end(url: URL, kept: { state: string; nonce: string; verifier: string }): Promise<unknown>;
}

const timeoutSeconds = 10;

/** openid-client is loaded when somebody signs in by the provider for the first time. */
export function createProvider({ issuer, clientId, clientSecret, name }: OidcSettings): Provider {
  let found: Promise<Configuration> | null = null;

  async function discover(): Promise<Configuration> {
    const client = await import('openid-client');
    const isLocal = issuer.protocol === 'http:';
    const options = { timeout: timeoutSeconds, execute: isLocal ? [client.allowInsecureRequests] : [] };
    return client.discovery(issuer, clientId, clientSecret, undefined, options);
  }

  /** A failure is not kept: the provider may be reachable next time. */
  function configuration(): Promise<Configuration> {
    found ??= discover().catch((error) => {
      found = null;
      throw error;
    });
    return found;
  }
  return {
    name,
    async begin(redirectUri) {
      const client = await import('openid-client');
      const [state, nonce] = [client.randomState(), client.randomNonce()];
      const verifier = client.randomPKCECodeVerifier();
      const url = client.buildAuthorizationUrl(await configuration(), {
        ...{ redirect_uri: redirectUri, scope: 'openid email profile', state, nonce },
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      return { url, state, nonce, verifier };
    },
    async end(url, { state, nonce, verifier }) {
      const client = await import('openid-client');
      const config = await configuration();
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
      const tokens = await client.authorizationCodeGrant(config, url, { ...checks, idTokenExpected: true });
      const claims = tokens.claims();
      if (claims === undefined || claims.email !== undefined) return claims;
      // Some providers tell the address only here.
      return { ...claims, ...(await client.fetchUserInfo(config, tokens.access_token, claims.sub)) };
    },
  };
}
