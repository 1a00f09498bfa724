import { z } from 'zod';
import { StartupError } from '../errors.ts';

/** A mail server. */
export interface SmtpServer {
  host: string;
  port: number;
  /** Whether the connection begins with TLS. Otherwise STARTTLS is used where the server offers it. */
  secure: boolean;
  /** Whether nothing is sent without TLS. */
  requireTls: boolean;
  /** Whether the server's certificate is checked. */
  checkCertificate: boolean;
  login: { user: string; password: string } | null;
}

/** By which server, from whom and to whom alerts are mailed. */
export interface EmailSettings {
  server: SmtpServer;
  from: string;
  to: string[];
}

const schemes: Readonly<Record<string, { secure: boolean; port: number }>> = {
  'smtp:': { secure: false, port: 587 },
  'smtps:': { secure: true, port: 465 },
};

/* The names are those of Nodemailer. It knows more, and one of them writes passwords to the log. */
const Parameters = z.strictObject({
  requireTLS: z.enum(['true', 'false']).default('false'),
  'tls.rejectUnauthorized': z.enum(['true', 'false']).default('true'),
});

/** Reads the address of a mail server; null if it is none. */
function readServer(text: string): SmtpServer | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const scheme = schemes[url.protocol];
  const parameters = Parameters.safeParse(Object.fromEntries(url.searchParams)).data;
  const [user, password] = [decoded(url.username), decoded(url.password)];
  const isWhole = /^\/?$/.test(url.pathname) && url.hash === '' && url.hostname !== '';
  if (scheme === undefined || parameters === undefined || user === null || password === null || !isWhole)
    return null;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? scheme.port : Number(url.port),
    secure: scheme.secure,
    requireTls: parameters.requireTLS === 'true',
    checkCertificate: parameters['tls.rejectUnauthorized'] === 'true',
    login: user === '' ? null : { user, password },
  };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const maxAddresses = 20;
const address = z.email('must be an email address');

export const emailVariables = {
  SMTP_URL: z
    .string()
    .transform(readServer)
    .refine(
      (server) => server !== null,
      'must be an address like smtp://user:password@mail.example.com:587, with what is special percent-encoded; see docs/guides/webhooks.md',
    )
    .optional(),
  ALERT_EMAIL: z
    .string()
    .transform((text) => text.split(',').map((each) => each.trim()))
    .refine(
      (items) => items.length <= maxAddresses && items.every((each) => address.safeParse(each).success),
      `must be up to ${maxAddresses} email addresses, between commas`,
    )
    .optional(),
  ALERT_EMAIL_FROM: address.optional(),
};

interface Given {
  SMTP_URL?: SmtpServer | null | undefined;
  ALERT_EMAIL?: string[] | undefined;
  ALERT_EMAIL_FROM?: string | undefined;
}

/** Null if nothing is configured. @throws StartupError if half of it is */
export function emailSettings({
  SMTP_URL: server,
  ALERT_EMAIL: to,
  ALERT_EMAIL_FROM: from,
}: Given): EmailSettings | null {
  if (server == null && to === undefined) return null;
  if (server == null || to?.[0] === undefined)
    throw new StartupError('Bad configuration: set both SMTP_URL and ALERT_EMAIL, or neither.');
  return { server, from: from ?? to[0], to };
}
