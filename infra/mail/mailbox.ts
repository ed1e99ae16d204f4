import { createHash } from 'node:crypto';
import { appendFile, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import nodemailer from 'nodemailer';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Mail, MailMessage } from '@daybook/kernel/ports/outside.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { composed } from './compose.ts';

/** The file of a local mailbox that lists its mails, newest last, one line each. */
export const mailboxIndex = 'index.txt';

/**
 * A mailbox in a folder, for development: every mail is an `.eml` file that mail programs open, readable by the
 * folder's owner only, and a line of `index.txt`. The same id is written once, also after a restart.
 * @throws `data-folder-unusable` (retry later) where the folder cannot be written
 */
export function mailboxMail(folder: string, from = 'Daybook <daybook@localhost>'): Mail {
  const composer = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'unix' });

  async function deliver(id: string, message: MailMessage): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { message: content } = await composer.sendMail(composed(id, from, message));
    const file = `${createHash('sha256').update(id).digest('hex').slice(0, 16)}.eml`;
    const draft = join(folder, `.${file}.${String(process.pid)}`);
    await writeFile(draft, content as Buffer, { mode: 0o600 });
    await failpoint('mailbox.linking');
    try {
      // A link fails where the name is taken: whoever comes second has at most the line left to do.
      await link(draft, join(folder, file));
      await failpoint('mailbox.linked');
      await list(file, message);
      await failpoint('mailbox.listed');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await isListed(file))) await list(file, message);
    } finally {
      await rm(draft, { force: true });
    }
  }

  const index = join(folder, mailboxIndex);
  const list = (file: string, message: MailMessage): Promise<void> =>
    appendFile(index, indexLine(file, message), { mode: 0o600 });
  /** Who died after the link has left the mail without its line. */
  const isListed = async (file: string): Promise<boolean> =>
    (await readFile(index, 'utf8').catch(() => '')).includes(` ${file} `);

  return {
    async send(id, message) {
      try {
        await deliver(id, message);
      } catch (error) {
        throw new DaybookError('data-folder-unusable', 'The local mailbox cannot be written.', {
          retry: 'later',
          fields: { folder, reason: (error as NodeJS.ErrnoException).code },
          cause: error,
        });
      }
    },
  };
}

function indexLine(file: string, { to, subject }: MailMessage): string {
  const oneLine = (text: string): string => text.replace(/\s+/g, ' ');
  return `${new Date().toISOString()}  ${file}  ${oneLine(to)}  ${oneLine(subject)}\n`;
}
