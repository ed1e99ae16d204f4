import assert from 'node:assert/strict';
import type { Mail, MailMessage } from '@daybook/kernel/ports/outside.ts';
import type { Clause } from './contract.ts';

/** A mail adapter, and the text of the mails that arrived, in any order. */
export type MailSubject = Readonly<{ mail: Mail; arrived: () => Promise<readonly string[]> }>;

const message: MailMessage = {
  to: 'ada@example.org',
  subject: 'Welcome',
  text: 'Your token is 1234-5678.\n',
};

/** The promises of the `Mail` port. */
export const mailClauses: readonly Clause<MailSubject>[] = [
  {
    name: 'hands-over',
    sentence: 'once `send` resolves the mail is there, with its address, subject and text',
    run: async ({ mail, arrived }) => {
      await mail.send('mail-1', message);
      const [text, ...more] = await arrived();
      assert.deepEqual(more, []);
      for (const part of [message.to, message.subject, '1234-5678']) assert.ok(text?.includes(part), part);
    },
  },
  {
    name: 'sends-an-id-once',
    sentence: 'the same id again sends nothing more, whatever the message',
    run: async ({ mail, arrived }) => {
      await mail.send('mail-1', message);
      await mail.send('mail-1', { ...message, subject: 'Again' });
      assert.equal((await arrived()).length, 1);
    },
  },
  {
    name: 'keeps-ids-apart',
    sentence: 'equal messages of different ids are different mails',
    run: async ({ mail, arrived }) => {
      await Promise.all(['a', 'b', 'a/../b'].map((id) => mail.send(id, message)));
      assert.equal((await arrived()).length, 3);
    },
  },
  {
    name: 'lets-no-header-in',
    sentence: 'line breaks in an address or subject add no header and no recipient',
    run: async ({ mail, arrived }) => {
      await mail.send('mail-1', { ...message, subject: 'Hello\r\nBcc: eve@example.org\r\n\r\nbody' });
      const [text] = await arrived();
      assert.ok(text !== undefined && !/^bcc:/im.test(text));
    },
  },
];
