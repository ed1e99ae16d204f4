import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Database } from '../../database/database.ts';
import type { Wakeups } from '../../database/wakeups.ts';
import { failpoint } from '../../failpoints/failpoint.ts';
import { refusedOr } from '../batch-handler.ts';
import {
  lockCheckpoints,
  projectionConsumer,
  readCheckpoints,
  type Checkpoint,
  type Consumer,
} from '../checkpoints.ts';
import { isEmpty } from '../project-from-store.ts';
import { checkpointChannel } from '../projector.ts';
import { readModelRows } from '../read-model-rows.ts';
import { lockProjection, showBuild } from '../read-models.ts';
import type { PartitionOf } from '../tenant-partitions.ts';
import {
  followedBuild,
  sameBuild,
  shownBuilds,
  type BuildNumber,
  type ReadModelBuild,
  type ShownBuilds,
} from './builds.ts';
import { foldPass, WriteRefused } from './fold-pass.ts';
import { isAsFar, isLevel, targetOf, type OfVersion, type Refusal } from './fold-target.ts';
import { skippedEvents } from './skipped-events.ts';

export type SwitchOptions = Readonly<{
  build: ReadModelBuild;
  /** What the view shows as far as the caller knows; undefined for nothing. */
  from: BuildNumber | undefined;
  eventStore: EventStore;
  database: Database;
  wakeups: Pick<Wakeups, 'notify'>;
  partitionOf: PartitionOf;
  /** Tenants of which an event cannot be taken in. */
  refusals: Map<string, Refusal>;
  signal: AbortSignal;
}>;

/**
 * `shown`: the view shows the build · `behind`: too much is missing to take in while others wait · `set back`: some
 * tenant would lose what the view shows of it today · `moved on`: the view shows another build by now than the caller
 * knows. Nothing has changed in the last three.
 */
export type SwitchOutcome = 'shown' | 'behind' | 'set back' | 'moved on';

/** The first wait for locks; each further try waits twice as long, up to longer than any query may take. */
const firstWaitMs = 250;
const longestWaitMs = 8_000;
const mostTries = 12;

/**
 * Lets the view of a read model show another build, in one transaction (in brackets the test that dies there):
 * 1. lock the checkpoints of what is shown and of what the version follows, so that neither moves,
 * 2. take in what the build lacks of them: it is level with both for every tenant, or nothing happens,
 * 3. fence those who write to the build that was followed,
 * 4. let the view show the build, and projectors follow it
 *    [rebuild.int.spec.ts "a death at readModel.showing leaves the former tables shown"],
 * 5. after the commit signal those who wait for positions
 *    [rebuild.int.spec.ts "a death at readModel.shown leaves the new tables shown"].
 *
 * Readers see the one or the other, whole, and nothing that is older than what they saw before. Projectors notice at their
 * next write. They, and new readers, wait while it lasts; a query that takes long is waited for a moment, then everybody
 * else is let through and it is tried again, for longer.
 * @throws `unavailable` where long queries never leave room
 */
export async function switchReadModel(options: SwitchOptions): Promise<SwitchOutcome> {
  const { database, wakeups, build, signal } = options;
  for (let attempt = 0, waitMs = firstWaitMs; ; attempt += 1) {
    try {
      const outcome = await database.transaction((client) => switchWithin(client, options, waitMs));
      if (outcome !== 'shown') return outcome;
      await failpoint('readModel.shown');
      wakeups.notify(checkpointChannel(build.projection.name));
      return outcome;
    } catch (error) {
      // Whoever takes it in outside of this transaction finds the event that the database refuses.
      if (error instanceof WriteRefused) return 'behind';
      if (!isLockFailure(error) || attempt >= mostTries || signal.aborted) throw error;
      await pause(waitMs * Math.random(), undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(longestWaitMs, waitMs * 2);
    }
  }
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available, deadlock_detected */
function isLockFailure(error: unknown): boolean {
  return (
    isDaybookError(error, 'unavailable') && ['55P03', '40P01'].includes(String(error.fields['sqlState']))
  );
}

async function switchWithin(
  client: pg.PoolClient,
  options: SwitchOptions,
  waitMs: number,
): Promise<SwitchOutcome> {
  const { build, from } = options;
  const { name, version } = build.projection;
  await client.query(`set local lock_timeout = ${String(waitMs)}`);
  await lockProjection(client, build.projection);
  const shown = await shownBuilds(client, name);
  const own = { version, build: build.build };
  if (sameBuild(shown, own)) return 'shown';
  if (from === undefined ? shown !== undefined : !sameBuild(shown, from)) return 'moved on';
  const followed = await followedBuild(client, build.projection);
  const others = othersOf(build, shown, followed);
  const outcome = await levelled(client, options, others);
  if (outcome !== 'level') return outcome;
  if (followed.build !== build.build) await succeed(client, build.consumer, followed.consumer);
  await inheritReasons(client, build.consumer, others);
  await showBuild(client, build, shown);
  await failpoint('readModel.showing');
  return 'shown';
}

/** Whose tables the build has to be level with: what is shown, and what its version follows. */
function othersOf(
  { projection, build, consumer }: ReadModelBuild,
  shown: ShownBuilds | undefined,
  followed: ReadModelBuild,
): readonly Consumer[] {
  const shownOne = shown === undefined ? [] : [projectionConsumer({ ...projection, ...shown }, shown.build)];
  const followedOne = followed.build === build ? [] : [followed.consumer];
  const all = [...shownOne, ...followedOne].filter(
    ({ name, version }) => name !== consumer.name || version !== consumer.version,
  );
  return [...new Map(all.map((one) => [`${one.name} ${String(one.version)}`, one])).values()];
}

/** Events that are taken in while others wait; with more missing they are let through first. */
const mostMissing = 5_000;

async function levelled(
  client: pg.PoolClient,
  options: SwitchOptions,
  others: readonly Consumer[],
): Promise<'level' | 'behind' | 'set back'> {
  const { consumer } = options.build;
  const locked: OfVersion[] = [];
  for (const other of others) {
    locked.push({ version: other.version, checkpoints: await lockCheckpoints(client, other) });
  }
  const before = { version: consumer.version, checkpoints: await lockCheckpoints(client, consumer) };
  if (!(await foldRest(client, options, targetOf(before, locked)))) return 'behind';
  const own = await readCheckpoints(client, consumer);
  if (locked.every(({ checkpoints }) => isLevel(own, checkpoints))) return 'level';
  return locked.every(({ checkpoints }) => isAsFar(own, checkpoints)) ? 'set back' : 'behind';
}

/** Takes in what is missing up to a target, within a transaction; false, with some of it done, where it is much. */
export async function foldRest(
  client: pg.PoolClient,
  { build, eventStore, partitionOf, refusals, signal }: Omit<SwitchOptions, 'from' | 'wakeups' | 'database'>,
  target: readonly Checkpoint[],
): Promise<boolean> {
  const rows = readModelRows(build);
  const limited = new AbortController();
  const refused = (error: unknown): never => {
    throw refusedOr(error);
  };
  await foldPass({
    build,
    eventStore,
    partitionOf,
    checkpoints: await lockCheckpoints(client, build.consumer),
    target,
    refusals,
    skipped: await skippedEvents(client, build.projection.name),
    load: (touched) => rows.load(client, touched).catch(refused),
    write: async (batches) => (await rows.write(client, batches).catch(refused)).size === batches.length,
    tableWasEmpty: await isEmpty(client, build),
    signal: AbortSignal.any([signal, limited.signal]),
    onPage: (events) => {
      if (events >= mostMissing) limited.abort();
    },
  });
  return !limited.signal.aborted && !signal.aborted;
}

/** Takes over from the build that was followed: its writers find another count of moves, its age is that of the new one. */
async function succeed(client: pg.PoolClient, own: Consumer, former: Consumer): Promise<void> {
  await client.query(
    `update runtime.checkpoints set moves = moves + 1 where consumer = $1 and version = $2`,
    [former.name, former.version],
  );
  await client.query(
    `update runtime.checkpoints c set moved_at = f.moved_at from runtime.checkpoints f
     where c.consumer = $1 and c.version = $2 and f.consumer = $3 and f.version = $4 and f.partition = c.partition`,
    [own.name, own.version, former.name, former.version],
  );
}

/** Tenants that were held back before are so for the same reasons. */
async function inheritReasons(
  client: pg.PoolClient,
  own: Consumer,
  others: readonly Consumer[],
): Promise<void> {
  for (const other of others) {
    await client.query(
      `update runtime.holds h set reason = o.reason, held_at = o.held_at from runtime.holds o
       where h.consumer = $1 and h.version = $2 and h.reason = '' and o.consumer = $3 and o.version = $4
         and o.tenant_id = h.tenant_id`,
      [own.name, own.version, other.name, other.version],
    );
  }
}
