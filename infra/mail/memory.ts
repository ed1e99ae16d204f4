import type { Mail, MailMessage } from '@daybook/kernel/ports/outside.ts';

export type MemoryMail = Mail & Readonly<{ sent: readonly Readonly<{ id: string; message: MailMessage }>[] }>;

/** Mail that goes nowhere: `sent` holds what was handed over, in order. */
export function memoryMail(): MemoryMail {
  const sent = new Map<string, MailMessage>();
  return {
    get sent() {
      return [...sent].map(([id, message]) => ({ id, message }));
    },
    send: (id, message) => {
      if (!sent.has(id)) sent.set(id, message);
      return Promise.resolve();
    },
  };
}
