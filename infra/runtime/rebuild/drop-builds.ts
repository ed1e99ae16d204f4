import type { AnyProjection } from '@daybook/kernel/projection.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../../database/database.ts';
import { failpoint } from '../../failpoints/failpoint.ts';
import { projectionConsumer, type Querier } from '../checkpoints.ts';
import { lockProjection } from '../read-models.ts';
import { tableName } from '../sql-names.ts';
import { recordedBuilds, sameBuild, shownBuilds, type BuildNumber } from './builds.ts';

export type DropBuildsOptions = Readonly<{
  projection: AnyProjection;
  database: Database;
  topics: Pick<Topics, 'forget'>;
  /** The topic that projectors follow. */
  topic: string;
  /** Also tables that a rebuild left unfinished: only for whoever holds the rebuild's lock. Default false. */
  unfinished?: boolean;
  /** Nothing but these, which nobody was shown. */
  only?: readonly BuildNumber[];
}>;

/** A version whose checkpoints moved within this time is taken to be kept up by a process that still runs. */
const keptUpMinutes = 10;

/**
 * Drops what is of no use any more: all builds but the one that is shown, the one before it, and those that a process of
 * another version keeps up; with their checkpoints and holds, and of a version that is gone also its consumer group. A
 * build that nobody showed yet stays while it is its version's only one. Answers with what was dropped.
 * @throws `unavailable`
 */
export async function dropOldBuilds(options: DropBuildsOptions): Promise<readonly BuildNumber[]> {
  const { projection, database, topics, topic, unfinished = false } = options;
  const dropped = await database.transaction(async (client) => {
    await lockProjection(client, projection);
    const old = options.only ?? (await useless(client, projection, unfinished));
    for (const one of old) await drop(client, projection, one);
    await failpoint('rebuild.dropping');
    return old;
  });
  await failpoint('rebuild.dropped');
  const left = new Set((await recordedBuilds(database.pool, projection.name)).map(({ version }) => version));
  for (const version of new Set(dropped.map((one) => one.version))) {
    if (!left.has(version)) await topics.forget(topic, projectionConsumer({ ...projection, version }).group);
  }
  return dropped;
}

async function useless(
  querier: Querier,
  projection: AnyProjection,
  unfinished: boolean,
): Promise<readonly BuildNumber[]> {
  const shown = await shownBuilds(querier, projection.name);
  if (shown === undefined) return [];
  const found: BuildNumber[] = [];
  for (const one of await recordedBuilds(querier, projection.name)) {
    if (sameBuild(shown, one) || sameBuild(shown.previous, one)) continue;
    if (one.followed ? one.version > shown.version : !one.everShown && !unfinished) continue;
    if (one.followed && (await isKeptUp(querier, projection, one))) continue;
    found.push({ version: one.version, build: one.build });
  }
  return found;
}

/** Drops one build, within the caller's transaction under `lockProjection`. */
async function drop(
  querier: Querier,
  projection: AnyProjection,
  { version, build }: BuildNumber,
): Promise<void> {
  const { name } = projectionConsumer({ ...projection, version }, build);
  await querier.query(`drop table if exists ${tableName({ ...projection, version }, build)}`);
  for (const table of ['holds', 'checkpoints']) {
    await querier.query(`delete from runtime.${table} where consumer = $1 and version = $2`, [name, version]);
  }
  await querier.query('delete from runtime.builds where projection = $1 and version = $2 and build = $3', [
    projection.name,
    version,
    build,
  ]);
}

async function isKeptUp(
  querier: Querier,
  projection: AnyProjection,
  { version, build }: BuildNumber,
): Promise<boolean> {
  const { name } = projectionConsumer({ ...projection, version }, build);
  const { rows } = await querier.query(
    `select from runtime.checkpoints where consumer = $1 and version = $2
       and moved_at > now() - make_interval(mins => $3) limit 1`,
    [name, version, keptUpMinutes],
  );
  return rows.length > 0;
}
