import { createHash } from 'node:crypto';
import type { SendMailOptions } from 'nodemailer';
import type { MailMessage } from '@daybook/kernel/ports/outside.ts';

/**
 * A message as nodemailer takes it. The `Message-ID` comes from the id alone, so that mail systems recognise a repeat
 * (RFC 5322, section 3.6.4). Attachments by path or URL are impossible.
 */
export function composed(id: string, from: string, message: MailMessage): SendMailOptions {
  const name = createHash('sha256').update(id).digest('hex').slice(0, 32);
  const domain = /@([\w.-]+)/.exec(from)?.[1] ?? 'localhost';
  return {
    from,
    to: { name: '', address: message.to },
    subject: message.subject,
    text: message.text,
    ...(message.html === undefined ? {} : { html: message.html }),
    messageId: `<${name}@${domain}>`,
    // RFC 3834: out-of-office programs leave such mails unanswered.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}
