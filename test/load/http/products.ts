import { randomUUID } from 'node:crypto';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import type { ProductTracked } from '@daybook/schemas/market/events.generated.ts';

/** Who asks in benches. */
export const bearer = {
  userId: 'user-bench',
  email: 'bench@example.com',
  role: 'owner',
  tenantId: 'bench',
} as const;

/** The id of the n-th product of the bench. */
export function productIdOf(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** Records that the bench's tenant tracks so many products. */
export async function trackProducts(eventStore: EventStore, count: number): Promise<void> {
  for (let first = 0; first < count; first += 500) {
    const some = Array.from({ length: Math.min(500, count - first) }, (_, n) => first + n);
    await Promise.all(
      some.map((n) => eventStore.append(`product-${productIdOf(n)}`, 'no-stream', [tracked(n)])),
    );
  }
}

function tracked(n: number): Parameters<EventStore['append']>[2][0] {
  const data: ProductTracked = {
    productId: productIdOf(n),
    url: `https://shop.example/products/${String(n)}`,
    host: 'shop.example',
    name: null,
    source: 'page',
    tags: [],
    group: null,
    schedule: { cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
  };
  const commandId = randomUUID();
  return {
    id: randomUUID(),
    type: 'ProductTracked',
    data,
    metadata: {
      schemaVersion: currentVersion('ProductTracked'),
      tenantId: bearer.tenantId,
      actor: { kind: 'user', id: bearer.userId },
      commandId,
      correlationId: commandId,
    },
  };
}
