import { PassThrough } from 'node:stream';
import type { Logger } from 'pino';
import type { EmailSettings } from '../../config/email.ts';
import type { Mail } from './mail-rules.ts';

/** Why a mail was not sent. */
export interface MailFailure {
  /** As a sentence. */
  problem: string;
  /** Whether the server may have it all the same: it was given the mail, and did not answer. */
  mayHaveArrived: boolean;
}

/** Sends a mail. Never fails: answers why it was not sent, or null if the server took it. */
export type SendMail = (mail: Mail, stop: AbortSignal) => Promise<MailFailure | null>;

/** Shorter than a lease; see delivery-store.ts. */
const usual = { timeoutMs: 20_000 };
const maxReplyChars = 200;

/** What sends alerts to the operator. The library is loaded only here: most servers send no mail. */
export async function createSendMail(
  { server, from, to }: EmailSettings,
  log: Logger,
  { timeoutMs } = usual,
): Promise<SendMail> {
  const { createTransport } = await import('nodemailer');
  const { host, port, secure, login } = server;
  const options = {
    host,
    port,
    secure,
    requireTLS: server.requireTls,
    tls: { rejectUnauthorized: server.checkCertificate },
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  return async ({ subject, text }, stop) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    let isBegun = false;
    const transport = createTransport(options);
    // The text is read when the server has accepted the addresses and asks for it.
    transport.use('stream', ({ message }, done) => {
      const begin = () => {
        isBegun = true;
      };
      message.processFunc((input) => input.pipe(new PassThrough().once('resume', begin)));
      done();
    });
    try {
      const { rejected } = await transport.sendMail({
        from,
        to,
        subject,
        text,
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal: AbortSignal.any([stop, deadline]),
      });
      if (rejected.length > 0)
        log.warn(
          { addresses: rejected.length },
          'the mail server refused some of the addresses of ALERT_EMAIL',
        );
      return null;
    } catch (error) {
      const { responseCode } = error as SmtpError;
      return {
        problem: deadline.aborted ? tooLate : problemOf(error as SmtpError, login?.password),
        mayHaveArrived: isBegun && responseCode === undefined,
      };
    }
  };
}

const tooLate = 'The mail server did not answer in time.';

/** As the library says it. */
interface SmtpError {
  code?: string;
  responseCode?: number;
  response?: string;
}

/** Quotes the server's reply, but no address in it, and nothing that may tell how somebody logs in. */
function problemOf({ code, responseCode, response }: SmtpError, password: string | undefined): string {
  if (code === 'ETIMEDOUT') return tooLate;
  if (code === 'EAUTH') return `The mail server refused the user name or password (${responseCode ?? code}).`;
  if (responseCode === undefined || response === undefined)
    return `The mail server cannot be used (${code ?? 'unknown'}).`;
  const isSafe = password === undefined || password === '' || !response.includes(password);
  return isSafe
    ? `The mail server answered: ${response.replace(/\S+@\S+/g, '…').slice(0, maxReplyChars)}`
    : `The mail server answered ${responseCode}.`;
}
