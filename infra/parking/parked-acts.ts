import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { relayChannel } from '../relay/relay-block.ts';
import { reviveEffect, skipEffect } from '../runtime/outbox.ts';
import { outboxChannel, timersChannel } from '../runtime/process-runner.ts';
import { reviveTimer, skipTimer } from '../runtime/process-store.ts';
import { findParked, type Parked } from './parked.ts';

/** Something parked, as of when it failed: what failed again since is another matter. */
export type ParkedTarget = Pick<Parked, 'parkedId' | 'failedAt'>;

export type ParkingPorts = Readonly<{
  database: Pick<Database, 'pool' | 'transaction'>;
  topics: Pick<Topics, 'release' | 'skip'>;
  wakeups: Pick<Wakeups, 'notify'>;
}>;

/** What may be done about something parked. Both are idempotent: the second time finds nothing to do. */
export type ParkingLot = Readonly<{
  /**
   * Has it handled anew, by the code and the schemas of today: it first, then in order all that waited behind it.
   * False where it is not parked (any more).
   * @throws `unavailable` · `timeout`
   */
  retry(target: ParkedTarget): Promise<boolean>;
  /** Gives it up for good and lets go what waited behind it. False where it is not parked (any more). */
  skip(target: ParkedTarget): Promise<boolean>;
}>;

/**
 * The acts on what is parked. The relay is told by the log alone: it looks there for what was decided about the event it
 * stands before, and is only woken here.
 */
export function parkingLot({ database, topics, wakeups }: ParkingPorts): ParkingLot {
  const byKind = {
    message: {
      retry: async (parked: Parked) => {
        await topics.release(numberOf(parked));
        return true;
      },
      skip: async (parked: Parked) => {
        await moveHold(database, parked);
        await topics.skip(numberOf(parked));
        return true;
      },
    },
    effect: {
      retry: async (parked: Parked) => {
        const revived = await reviveEffect(database, { seq: numberOf(parked), closedAt: parked.failedAt });
        wakeups.notify(outboxChannel);
        return revived;
      },
      skip: async (parked: Parked) => {
        const skipped = await skipEffect(database, { seq: numberOf(parked), closedAt: parked.failedAt });
        wakeups.notify(outboxChannel);
        return skipped;
      },
    },
    timer: {
      retry: async (parked: Parked) => {
        const revived = await reviveTimer(database.pool, timerOf(parked));
        wakeups.notify(timersChannel);
        return revived;
      },
      skip: async (parked: Parked) => {
        const skipped = await skipTimer(database.pool, timerOf(parked));
        wakeups.notify(timersChannel);
        return skipped;
      },
    },
    relay: { retry: () => wakeRelay(wakeups), skip: () => wakeRelay(wakeups) },
  } as const;

  async function act(how: 'retry' | 'skip', { parkedId, failedAt }: ParkedTarget): Promise<boolean> {
    const parked = await findParked(database.pool, parkedId);
    if (parked?.status !== 'parked' || parked.failedAt !== failedAt) return false;
    await failpoint('parking.acting');
    const done = await byKind[parked.kind][how](parked);
    await failpoint('parking.acted');
    return done;
  }

  return { retry: (target) => act('retry', target), skip: (target) => act('skip', target) };
}

function numberOf({ parkedId }: Parked): number {
  return Number(parkedId.slice(parkedId.indexOf('-') + 1));
}

function timerOf({ parkedId, failedAt }: Parked): { inputId: string; failedAt: string } {
  return { inputId: parkedId.slice(parkedId.indexOf('-') + 1), failedAt };
}

function wakeRelay(wakeups: Pick<Wakeups, 'notify'>): Promise<boolean> {
  wakeups.notify(relayChannel);
  return Promise.resolve(true);
}

/**
 * Moves the position of a held tenant to the event that is skipped: as far as the consumer is concerned it is in. The count
 * of moves grows with it, so that whoever has the hold in memory learns of it before writing.
 */
async function moveHold(
  database: Pick<Database, 'transaction'>,
  { topic, consumer, tenantId, partition, position }: Parked,
): Promise<void> {
  if (topic !== eventsTopic || position === null) return;
  try {
    await database.transaction(async (client) => {
      // In the order in which consumers lock: checkpoint first.
      await client.query(
        `update runtime.checkpoints c set moves = c.moves + 1 where c.partition = $2 and ${ofGroup('c')}`,
        [consumer, partition],
      );
      await client.query(
        `update runtime.holds h set position = $4
         where h.partition = $2 and h.tenant_id = $3 and h.position < $4 and ${ofGroup('h')}`,
        [consumer, partition, tenantId, position],
      );
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/**
 * What the group in `$1` writes to: see `projectionConsumer` and `processConsumer`. Builds that are not followed take in by
 * themselves what they lack.
 */
function ofGroup(alias: string): string {
  return `$1 in (
    regexp_replace(${alias}.consumer, ' build \\d+$', '') || '.v' || ${alias}.version,
    replace(${alias}.consumer, 'process ', ''))
    and not exists (
      select from runtime.builds b
      where b.consumer = ${alias}.consumer and b.version = ${alias}.version and not b.followed)`;
}
