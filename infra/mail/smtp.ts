import nodemailer from 'nodemailer';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Mail } from '@daybook/kernel/ports/outside.ts';
import { composed } from './compose.ts';

export type SmtpSettings = Readonly<{
  smtpHost: string;
  smtpPort: number;
  /** TLS from the first byte; otherwise STARTTLS where the server offers it, and always before a password. */
  smtpSecure: boolean;
  smtpUser?: string | undefined;
  smtpPassword?: string | undefined;
  /** Sender of all mails. */
  from: string;
}>;

/** How many ids are remembered as handed over. */
const remembered = 10_000;

/**
 * Mail over SMTP. An id that this process handed over is not sent again; after a restart, or an answer that was lost,
 * a repeat carries the same `Message-ID`.
 * @throws `timeout` (unknown whether sent) · `outside-failed` (retry `later` for 4xx replies and lost connections,
 *   `never` for 5xx replies and refused credentials; RFC 5321, section 4.2.1)
 */
export function smtpMail(settings: SmtpSettings): Mail {
  const transport = nodemailer.createTransport({
    host: settings.smtpHost,
    port: settings.smtpPort,
    secure: settings.smtpSecure,
    requireTLS: settings.smtpUser !== undefined && !settings.smtpSecure,
    ...(settings.smtpUser === undefined
      ? {}
      : { auth: { user: settings.smtpUser, pass: settings.smtpPassword ?? '' } }),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 30_000,
  });
  const handedOver = new Set<string>();

  return {
    async send(id, message) {
      if (handedOver.has(id)) return;
      try {
        await transport.sendMail(composed(id, settings.from, message));
      } catch (error) {
        throw translated(error);
      }
      handedOver.add(id);
      for (const oldest of handedOver) {
        if (handedOver.size <= remembered) break;
        handedOver.delete(oldest);
      }
    },
  };
}

/** nodemailer's errors. Its messages quote the server, which quotes addresses: only codes are passed on. */
function translated(error: unknown): DaybookError {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  const fields = { smtpCode: code, reply: responseCode };
  if (code === 'ETIMEDOUT') {
    return new DaybookError('timeout', 'The mail server did not answer in time.', { retry: 'later', fields });
  }
  const final = responseCode === undefined ? code === 'EAUTH' || code === 'ENOAUTH' : responseCode >= 500;
  return new DaybookError('outside-failed', 'The mail server did not take the mail.', {
    retry: final ? 'never' : 'later',
    fields,
  });
}
