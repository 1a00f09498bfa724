import { z } from 'zod';

/** What a provider must say of a person. An address that nobody verified proves nothing. */
const Claims = z.object({
  iss: z.string(),
  sub: z.string().min(1),
  email: z.string(),
  email_verified: z.union([z.literal(true), z.literal('true')]),
  name: z.string().optional(),
});

/** A person, as the provider names it. */
export interface Person {
  /** The provider and its id of the person: it never changes. */
  subject: string;
  /** In small letters. */
  email: string;
  name: string;
}

/** Reads the claims of a provider. Null if the address is missing or not verified. */
export function readClaims(claims: unknown): Person | null {
  const { data } = Claims.safeParse(claims);
  if (data === undefined) return null;
  const email = data.email.trim().toLowerCase();
  if (!/^[^\s@]+@[^\s@]+$/.test(email) || email.length > 255) return null;
  const name = data.name?.trim().slice(0, 255) || email;
  return { subject: `${data.iss} ${data.sub}`, email, name };
}

/** How long a person may take at the provider. */
export const flowSeconds = 600;

/** A sign-in that has begun: only the browser that began it can end it. */
export const Flow = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  environment: z.enum(['test', 'live']),
  until: z.number(),
});
export type Flow = z.infer<typeof Flow>;

export const flowCookie = 'kana_console_oidc';
