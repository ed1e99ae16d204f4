import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import { InputRefused } from './batch-handler.ts';
import type { ProcessRunner } from './process-runner.ts';
import type { Refusal } from './rebuild/fold-target.ts';

/** Takes events of one partition in that come from the store, in order; those of refused tenants are passed over. */
export type TakeStored = (partition: number, events: readonly RecordedEvent[]) => Promise<void>;

/**
 * Takes events in as long as nothing refuses them. A tenant whose event is refused is held before it and from then on
 * among `refusals`, as is what follows for it; all other tenants go on.
 * Failures of engines are thrown and refuse nothing.
 */
export function takeOrHold(
  { takeStored, holdStored }: ProcessRunner,
  refusals: Map<string, Refusal>,
): TakeStored {
  const isFree = ({ metadata }: RecordedEvent): boolean => !refusals.has(metadata.tenantId);

  async function one(partition: number, event: RecordedEvent): Promise<void> {
    try {
      await takeStored(partition, [event]);
    } catch (error) {
      if (!(error instanceof InputRefused)) throw error;
      const { tenantId } = event.metadata;
      const heldAt: Position = await holdStored(partition, tenantId, error.message);
      const { position, type } = event;
      refusals.set(tenantId, { partition, position, type, heldAt, reason: error.message });
    }
  }

  return async (partition, events) => {
    const free = events.filter(isFree);
    try {
      await takeStored(partition, free);
    } catch (error) {
      if (!(error instanceof InputRefused)) throw error;
      for (const event of free) if (isFree(event)) await one(partition, event);
    }
  };
}
