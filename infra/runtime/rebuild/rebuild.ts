import { isDaybookError, DaybookError } from '@daybook/kernel/errors.ts';
import { beginning, type Position } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type { Database } from '../../database/database.ts';
import type { Wakeups } from '../../database/wakeups.ts';
import {
  ensureCheckpoints,
  projectionConsumer,
  readCheckpoints,
  type Checkpoint,
  type Consumer,
} from '../checkpoints.ts';
import { projectFromStore } from '../project-from-store.ts';
import { declarationOf, makeBuild } from '../read-models.ts';
import { tableName } from '../sql-names.ts';
import { partitionsOfTenants } from '../tenant-partitions.ts';
import {
  followedBuild,
  readModelBuild,
  recordedBuilds,
  sameBuild,
  shownBuilds,
  type BuildNumber,
  type ReadModelBuild,
  type RecordedBuild,
  type ShownBuilds,
} from './builds.ts';
import { dropOldBuilds } from './drop-builds.ts';
import { WriteRefused } from './fold-pass.ts';
import {
  endOf,
  isAsFar,
  startOf,
  targetOf,
  type FoldTarget,
  type OfVersion,
  type Refusal,
} from './fold-target.ts';
import { atLevel } from './level-snapshot.ts';
import { takeRebuildLock, type RebuildLock } from './rebuild-lock.ts';
import { refusedEvents } from './refused-events.ts';
import { rowDifference, type RowDifference } from './row-difference.ts';
import { switchReadModel, type SwitchOptions } from './switch-read-model.ts';

export type RebuildOptions = Readonly<{
  projection: AnyProjection;
  database: Database;
  eventStore: EventStore;
  topics: Topics;
  wakeups: Pick<Wakeups, 'notify'>;
  /** The topic that projectors follow. */
  topic: string;
  /** Of the code that folds: a rebuild that died is gone on with by the same code, and begun anew by another. */
  fingerprint: string;
  /** Shown to whoever wants to rebuild it meanwhile. */
  owner: string;
  /** Part of the time that it works, above 0 and at most 1; for the rest of it, it leaves the machine to others. */
  share: number;
  log: Log;
  signal: AbortSignal;
  onProgress?: (progress: RebuildProgress) => void;
}>;

/** How far the fold is. */
export type RebuildProgress = Readonly<{
  /** Read from the log in the pass under way. */
  events: number;
  perSecond: number;
  /** Of the way to where the serving tables stood when the pass began, 0 to 1; null where positions do not tell. */
  fraction: number | null;
  secondsLeft: number | null;
}>;

export type RebuildReport = Readonly<{
  from: BuildNumber;
  to: BuildNumber;
  /** A rebuild that died was gone on with. */
  resumed: boolean;
  /** Read from the log. */
  events: number;
  difference: RowDifference;
  /** Tenants that wait behind a parked event, in both. */
  heldBack: number;
  switched: boolean;
  /** Tables that were dropped after the switch. */
  dropped: readonly BuildNumber[];
}>;

const goesOn = 'The tables that serve go on as they are.';

/** Passes in a row that found nothing in the log of what the serving tables have. */
const mostFruitless = 10;

/** Events of a pass over the log that are too few for another one. */
const shortPass = 2_000;

/**
 * Makes the tables of a read model anew, beside those that serve, and lets the view show them (in brackets the test that
 * dies there):
 * 1. take the right to rebuild it, which nobody else has meanwhile,
 * 2. make the tables of another build, or go on with those of a rebuild that died
 *    [rebuild.int.spec.ts "a death at rebuild.made leaves a rebuild to be resumed"],
 * 3. fold the log into them, up to where the serving tables stand, pass after pass until little is missing
 *    [rebuild.int.spec.ts "a death at fold.written leaves a rebuild to be resumed"],
 * 4. compare the rows of both at one moment in which they have the same events,
 * 5. switch, see `switchReadModel`
 *    [rebuild.int.spec.ts "a death at readModel.showing leaves the former tables shown"],
 * 6. drop what is older than the tables that were shown until now
 *    [rebuild.int.spec.ts "a death at rebuild.dropping leaves the new tables shown"].
 *
 * Up to 5 the former tables serve and move on, whatever becomes of the rebuild. Tenants that wait behind a parked event
 * there wait in the new tables at the same place. Where the view shows another build by 5 than it did in 4, since another
 * version was started, 4 comes again; a later version than this code has stays shown.
 * @throws `maintenance-refused` where somebody else rebuilds it or there is nothing to rebuild · `configuration-invalid`
 *   for an event that cannot be taken in, with nothing changed · `aborted` · `unavailable` · `timeout`
 */
export function rebuild(options: RebuildOptions & Readonly<{ dryRun?: boolean }>): Promise<RebuildReport> {
  return withRebuildLock(options, async (lock) => {
    const { projection, database, dryRun = false } = options;
    const { build, resumed } = await beginBuild(options, await expectShown(options), dryRun);
    const to = { version: projection.version, build: build.build };
    const refusals = new Map<string, Refusal>();
    // What a rebuild before could not take in is tried again: it is taken in now, or named.
    const events = await foldToLevel(options, build, () => targetAnew(options), refusals);
    for (;;) {
      const from = await expectShown(options);
      const difference = await compared(options, build, from, refusals);
      if (difference === 'moved on') continue;
      const { length: heldBack } = (await readCheckpoints(database.pool, build.consumer)).flatMap(
        ({ holds }) => [...holds],
      );
      const report = { from, to, resumed, events, difference, heldBack };
      await lock.confirm();
      if (dryRun) {
        await dropOldBuilds({ ...options, only: [to] });
        return { ...report, switched: false, dropped: [] };
      }
      if ((await untilShown(options, { build, from, refusals })) === 'moved on') continue;
      const dropped = await dropOldBuilds({ ...options, database, unfinished: true });
      return { ...report, switched: true, dropped };
    }
  });
}

/**
 * Lets the view of a read model show the tables that it showed before, once they have taken in what they missed. What was
 * shown until now is kept in their place: another call goes back to it.
 * @throws `maintenance-refused` where there is nothing to go back to, or not by this code · as `rebuild`
 */
export function rollBack(
  options: RebuildOptions,
): Promise<Readonly<{ from: BuildNumber; to: BuildNumber; events: number }>> {
  return withRebuildLock(options, async (lock) => {
    const { projection, database } = options;
    const { previous, version, build } = await shownOf(options);
    if (previous === null)
      throw refused(projection, 'shows its first tables: there is nothing to go back to.');
    if (previous.version !== projection.version) {
      throw refused(
        projection,
        `showed version ${String(previous.version)} before, and this code has version ${String(projection.version)}: go back with the Daybook that has version ${String(previous.version)}.`,
      );
    }
    const target = readModelBuild(projection, previous.build);
    if ((await declarationOf(database.pool, target)) !== canonical(projection.table)) {
      throw refused(projection, 'has lost the tables before, or they were made for other columns.');
    }
    const refusals = new Map<string, Refusal>();
    const events = await foldToLevel(options, target, () => targetAtShown(options, target), refusals);
    await lock.confirm();
    const from = { version, build };
    if ((await untilShown(options, { build: target, from, refusals })) === 'moved on')
      throw refused(projection, 'shows other tables by now than those that you would leave: look again.');
    return { from, to: previous, events };
  });
}

async function withRebuildLock<T>(
  { database, projection, owner, log }: RebuildOptions,
  work: (lock: RebuildLock) => Promise<T>,
): Promise<T> {
  const lock = await takeRebuildLock(database, projection.name, owner, log);
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

async function shownOf({ database, projection }: RebuildOptions): Promise<ShownBuilds> {
  const shown = await shownBuilds(database.pool, projection.name);
  if (shown !== undefined) return shown;
  throw refused(projection, 'has no tables yet: start the projectors, which make them.');
}

async function expectShown(options: RebuildOptions): Promise<BuildNumber> {
  const { projection } = options;
  const { version, build } = await shownOf(options);
  if (version <= projection.version) return { version, build };
  throw refused(
    projection,
    `shows version ${String(version)}, and this code has version ${String(projection.version)}: rebuild with the newer Daybook, or go back with "daybook rollback".`,
  );
}

function refused({ name }: AnyProjection, why: string): DaybookError {
  return new DaybookError('maintenance-refused', `The read model ${name} ${why}`, {
    fields: { projection: name },
  });
}

/** Before the fingerprint of a build that is not to be shown. */
const dryMark = 'dry run of ';

/**
 * A build to fold into: what a rebuild by the same code left, else a new one beside which nothing unfinished stays. A dry
 * run goes on with what a dry run left, and leaves the work of a rebuild alone.
 * @throws `maintenance-refused` for a dry run beside a rebuild that was interrupted
 */
async function beginBuild(
  options: RebuildOptions,
  shown: BuildNumber,
  dryRun: boolean,
): Promise<Readonly<{ build: ReadModelBuild; resumed: boolean }>> {
  const { projection, database } = options;
  const { pool } = database;
  const fingerprint = dryRun ? `${dryMark}${options.fingerprint}` : options.fingerprint;
  const unfinished = (await recordedBuilds(pool, projection.name)).filter(
    ({ followed, everShown, version }) => !followed && !everShown && version === projection.version,
  );
  const interrupted = unfinished.find((one) => one.fingerprint?.startsWith(dryMark) !== true);
  if (dryRun && interrupted !== undefined) {
    throw refused(
      projection,
      `has a rebuild that was interrupted (build ${String(interrupted.build)}), and a dry run leaves that alone. Run "daybook rebuild ${projection.name}" to finish it, then try again. Nothing was changed.`,
    );
  }
  const serving = await readCheckpoints(pool, projectionConsumer({ ...projection, ...shown }, shown.build));
  let left: RecordedBuild | undefined;
  for (const one of unfinished) {
    const own = await readCheckpoints(pool, projectionConsumer(projection, one.build));
    // One that is ahead of what is shown, as it was to be level with another version too, is never level with that again.
    if (one.fingerprint === fingerprint && isAsFar(serving, own)) left = one;
  }
  const others = unfinished.filter((one) => one !== left);
  if (others.length > 0) await dropOldBuilds({ ...options, only: others });
  const build =
    left === undefined
      ? await makeBuild(database, projection, fingerprint)
      : readModelBuild(projection, left.build);
  await ensureCheckpoints(pool, build.consumer, serving.length, beginning);
  return { build, resumed: left !== undefined };
}

async function ofVersion({ pool }: Database, consumer: Omit<Consumer, 'group'>): Promise<OfVersion> {
  return { version: consumer.version, checkpoints: await readCheckpoints(pool, consumer) };
}

/** Where the build has to be to stand beside what is shown. */
async function targetAtShown(
  options: RebuildOptions,
  { consumer }: ReadModelBuild,
  more: readonly OfVersion[] = [],
): Promise<readonly Checkpoint[]> {
  const { database, projection } = options;
  const { version, build } = await shownOf(options);
  const shown = await ofVersion(database, projectionConsumer({ ...projection, version }, build));
  return targetOf(await ofVersion(database, consumer), [shown, ...more]);
}

/** The same with nobody held back who is not held back in what is shown. */
async function targetAnew(options: RebuildOptions): Promise<readonly Checkpoint[]> {
  const { database, projection } = options;
  const { version, build } = await shownOf(options);
  const shown = await ofVersion(database, projectionConsumer({ ...projection, version }, build));
  return targetOf({ version: projection.version, checkpoints: [] }, [shown]);
}

/** Folds pass after pass until little is missing; answers with how many events were read. */
async function foldToLevel(
  options: RebuildOptions,
  build: ReadModelBuild,
  target: () => Promise<readonly Checkpoint[]>,
  refusals: Map<string, Refusal>,
): Promise<number> {
  const { topics, topic, signal } = options;
  let all = 0;
  for (let events = Infinity; events > shortPass;) {
    const report = await progressOf(options, build, await target());
    events = await projectFromStore({
      ...options,
      build: build.build,
      partitionOf: partitionsOfTenants(topics, topic),
      target,
      refusals,
      onProgress: report,
    });
    all += events;
    if (signal.aborted) throw stopped();
    if (refusals.size > 0) throw refusedEvents(build, refusals, goesOn);
  }
  return all;
}

function stopped(): DaybookError {
  return new DaybookError('aborted', 'The rebuild was stopped; the next one goes on.');
}

async function progressOf(
  { onProgress, database }: RebuildOptions,
  { consumer }: ReadModelBuild,
  target: FoldTarget,
): Promise<(events: number, upTo: Position) => void> {
  const own = await readCheckpoints(database.pool, consumer);
  const [from, to] = [startOf(own, target, new Map()), endOf(target)];
  const startedAt = performance.now();
  return (events, upTo) => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const fraction = from === null || to === null ? null : fractionOf(from, upTo, to);
    onProgress?.({
      events,
      perSecond: Math.round(events / seconds),
      fraction,
      secondsLeft: fraction === null || fraction === 0 ? null : (seconds / fraction) * (1 - fraction),
    });
  };
}

/** Positions are opaque; where they are numbers they also say how far. */
function fractionOf(from: Position, at: Position, to: Position): number | null {
  const numbers = [from, at, to].map((position) => (/^\d{1,30}$/.test(position) ? Number(position) : NaN));
  const [start = NaN, now = NaN, end = NaN] = numbers;
  const fraction = (now - start) / (end - start);
  return Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : null;
}

/** Compares with what is shown, as far as it still is: other tables may stand still, and are never level again. */
async function compared(
  options: RebuildOptions,
  build: ReadModelBuild,
  from: BuildNumber,
  refusals: Map<string, Refusal>,
): Promise<RowDifference | 'moved on'> {
  const { projection, topics, topic } = options;
  const { version } = from;
  const shown = projectionConsumer({ ...projection, version }, from.build);
  const before = tableName({ ...projection, version }, from.build);
  const partitionOf = partitionsOfTenants(topics, topic);
  for (let fruitless = 0; fruitless < mostFruitless;) {
    const difference = await atLevel({ ...options, build, shown, refusals, partitionOf }, (client) =>
      rowDifference(client, before, build.table),
    ).catch((error: unknown) => {
      if (options.signal.aborted) throw stopped();
      // An event that the database refuses, come meanwhile: the fold names it.
      if (error instanceof WriteRefused || (isDaybookError(error) && error.retry === 'later')) return null;
      throw error;
    });
    if (difference !== undefined && difference !== null) return difference;
    if (!sameBuild(await shownOf(options), from)) return 'moved on';
    const events = await foldToLevel(options, build, () => targetAtShown(options, build), refusals);
    fruitless = events === 0 && difference === undefined ? fruitless + 1 : 0;
  }
  throw logHasLess(projection);
}

/** Switches to a build, as long as the view shows what it showed when that was decided. */
async function untilShown(
  options: RebuildOptions,
  { build, from, refusals }: Pick<SwitchOptions, 'build' | 'refusals'> & Readonly<{ from: BuildNumber }>,
): Promise<'shown' | 'moved on'> {
  const { database, projection, topics, topic } = options;
  const partitionOf = partitionsOfTenants(topics, topic);
  /** What is shown, and what the version follows, where that is another one. */
  const target = async (): Promise<readonly Checkpoint[]> => {
    const followed = await followedBuild(database.pool, projection);
    return targetAtShown(options, build, [await ofVersion(database, followed.consumer)]);
  };
  for (let fruitless = 0; fruitless < mostFruitless;) {
    const outcome = await switchReadModel({ ...options, build, from, partitionOf, refusals });
    if (outcome === 'shown' || outcome === 'moved on') return outcome;
    if (outcome === 'set back' && refusals.size > 0) throw refusedEvents(build, refusals, goesOn);
    // Set back by what was refused at another time: it is tried again, which names it where it is refused still.
    const missing = outcome === 'set back' ? () => targetAnew(options) : target;
    const events = await foldToLevel(options, build, missing, refusals);
    fruitless = events === 0 || outcome === 'set back' ? fruitless + 1 : 0;
  }
  throw logHasLess(projection);
}

function logHasLess({ name }: AnyProjection): DaybookError {
  return new DaybookError(
    'log-mismatch',
    `The log has less than the tables of ${name} that serve: it was restored, or it lost its end. ${goesOn}`,
    { fields: { projection: name } },
  );
}
