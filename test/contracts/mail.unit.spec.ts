import { describe, expect, test } from '@jest/globals';
import { memoryMail } from '@daybook/infra/mail/memory.ts';
import type { Mail, MailMessage } from '@daybook/kernel/ports/outside.ts';
import { failingClauses, registerContract } from './contract.ts';
import { mailClauses, type MailSubject } from './mail.contract.ts';

const subject = (mail: Mail, sent: () => readonly Readonly<{ message: MailMessage }>[]): MailSubject => ({
  mail,
  arrived: () => Promise.resolve(sent().map(({ message }) => JSON.stringify(message))),
});

registerContract('mail', 'memory', mailClauses, () => {
  const mail = memoryMail();
  return Promise.resolve({ port: subject(mail, () => mail.sent), close: () => Promise.resolve() });
});

describe('broken mail is caught', () => {
  let count = 0;
  test.each([
    {
      name: 'forgets ids',
      clause: 'sends-an-id-once',
      id: (id: string) => `${id} ${String((count += 1))}`,
      change: {},
    },
    { name: 'takes all ids for one', clause: 'keeps-ids-apart', id: () => 'same', change: {} },
    { name: 'loses the text', clause: 'hands-over', id: (id: string) => id, change: { text: '' } },
    { name: 'loses the address', clause: 'hands-over', id: (id: string) => id, change: { to: '' } },
  ])('$name', async ({ clause, id, change }) => {
    const failing = await failingClauses(mailClauses, () => {
      const mail = memoryMail();
      const broken: Mail = { send: (given, message) => mail.send(id(given), { ...message, ...change }) };
      return Promise.resolve({ port: subject(broken, () => mail.sent), close: () => Promise.resolve() });
    });
    expect(failing).toContain(clause);
  });
});
