import { expect, test } from '@jest/globals';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { Pages } from '@daybook/kernel/ports/event-store.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { opened, untilAborted } from './log.ts';

const event = (type: string, data: unknown): RecordedEvent => ({ type, data }) as RecordedEvent;

test('opens the fields that are sealed', async () => {
  const vault = memoryVault();
  const email = await vault.seal({ kind: 'subject', id: 'user-1' }, 'ada@example.com');
  const registered = await opened(event('UserRegistered', { userId: 'user-1', email }), vault);
  expect(registered.data).toEqual({ userId: 'user-1', email: 'ada@example.com' });
});

test.each(['sealed:', 'sealed:v1:subject:user-1:AAAA'])(
  'a name of a product that only looks sealed is told as it is: %s',
  async (name) => {
    const renamed = event('ProductRenamed', { productId: 'product-1', name });
    expect(await opened(renamed, memoryVault())).toEqual(renamed);
  },
);

test('a signal ends a read that knows of none', async () => {
  async function* endless(): Pages {
    for (;;) yield await Promise.resolve([event('Happened', {})]);
  }
  const stopping = new AbortController();
  let pages = 0;
  for await (const page of untilAborted(endless(), stopping.signal)) {
    pages += page.length;
    if (pages === 3) stopping.abort();
  }
  expect(pages).toBe(3);
});
