import type { Topics } from '@daybook/kernel/ports/topics.ts';

/** Which partition of a topic a tenant's events are in. */
export type PartitionOf = (tenantId: string) => number | Promise<number>;

/** Asks the topic once for each tenant; the number of partitions never changes. */
export function partitionsOfTenants(topics: Topics, topic: string): PartitionOf {
  const known = new Map<string, number>();
  return (tenantId) =>
    known.get(tenantId) ??
    topics.partitionFor(topic, tenantId).then((partition) => {
      known.set(tenantId, partition);
      return partition;
    });
}
