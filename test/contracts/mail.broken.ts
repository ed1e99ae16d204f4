import { memoryMail } from '@daybook/infra/mail/memory.ts';
import type { Mail, MailMessage } from '@daybook/kernel/ports/outside.ts';
import type { Broken, Subject } from './contract.ts';
import type { MailSubject } from './mail.contract.ts';

type Fault = Readonly<{
  name: string;
  clause: string;
  id?: (id: string) => string;
  change?: Partial<MailMessage>;
}>;

let count = 0;

const faults: readonly Fault[] = [
  { name: 'forgets ids', clause: 'sends-an-id-once', id: (id) => `${id} ${String((count += 1))}` },
  { name: 'takes all ids for one', clause: 'keeps-ids-apart', id: () => 'same' },
  { name: 'loses the text', clause: 'hands-over', change: { text: '' } },
  { name: 'loses the address', clause: 'hands-over', change: { to: '' } },
];

/** Mail kept in memory, sent through whatever `bend` makes of it. */
export function memoryMailSubject(
  bend: (mail: Mail) => Mail = (mail) => mail,
): Promise<Subject<MailSubject>> {
  const mail = memoryMail();
  const arrived = (): Promise<string[]> =>
    Promise.resolve(mail.sent.map(({ message }) => JSON.stringify(message)));
  return Promise.resolve({ port: { mail: bend(mail), arrived }, close: () => Promise.resolve() });
}

/** Mail that breaks one promise each, over the memory adapter. */
export const brokenMail: readonly Broken<MailSubject>[] = faults.map(
  ({ name, clause, id = (given) => given, change }) => ({
    name,
    clause,
    make: () =>
      memoryMailSubject((mail) => ({
        send: (given, message) => mail.send(id(given), { ...message, ...change }),
      })),
  }),
);
