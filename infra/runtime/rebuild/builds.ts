/**
 * Builds of read models. A build is a table with its checkpoints and holds; each version of a projection has a first one,
 * and a rebuild makes the next. One build of each version is followed: the version's projectors write to it.
 */
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { translateDatabaseError } from '../../database/database.ts';
import { projectionConsumer, type Consumer, type Querier } from '../checkpoints.ts';
import { tableName } from '../sql-names.ts';

/** A build in the hands of code that has its projection. */
export type ReadModelBuild = Readonly<{
  projection: AnyProjection;
  build: number;
  /** With its schema, as SQL takes it. */
  table: string;
  consumer: Consumer;
}>;

/** A build by its numbers alone: its projection may be of another version than this code has. */
export type BuildNumber = Readonly<{ version: number; build: number }>;

/** What a view shows, and what it showed before. */
export type ShownBuilds = BuildNumber & Readonly<{ previous: BuildNumber | null }>;

/** A build that the database knows. */
export type RecordedBuild = BuildNumber &
  Readonly<{ followed: boolean; fingerprint: string | null; everShown: boolean }>;

/** A build of a projection by its number. */
export function readModelBuild(projection: AnyProjection, build = 1): ReadModelBuild {
  return {
    projection,
    build,
    table: tableName(projection, build),
    consumer: projectionConsumer(projection, build),
  };
}

/** The build that projectors of this version keep: the first, where no other was made. @throws `unavailable` */
export async function followedBuild(querier: Querier, projection: AnyProjection): Promise<ReadModelBuild> {
  const { rows } = await querier
    .query<{ build: number }>({
      name: 'followed build',
      text: 'select build from runtime.builds where projection = $1 and version = $2 and followed',
      values: [projection.name, projection.version],
    })
    .catch(rethrown);
  return readModelBuild(projection, rows[0]?.build);
}

/** What the view of a projection shows; undefined where nothing was shown yet. @throws `unavailable` */
export async function shownBuilds(querier: Querier, projection: string): Promise<ShownBuilds | undefined> {
  const { rows } = await querier
    .query<BuildNumber & { previous_version: number | null; previous_build: number | null }>(
      'select version, build, previous_version, previous_build from runtime.read_models where projection = $1',
      [projection],
    )
    .catch(rethrown);
  const [row] = rows;
  if (row === undefined) return undefined;
  const { version, build, previous_version: before, previous_build: previousBuild } = row;
  const previous = before === null ? null : { version: before, build: previousBuild ?? 1 };
  return { version, build, previous };
}

/** All builds of a projection, oldest first. @throws `unavailable` */
export async function recordedBuilds(
  querier: Querier,
  projection: string,
): Promise<readonly RecordedBuild[]> {
  const { rows } = await querier
    .query<RecordedBuild>(
      `select version, build, followed, fingerprint, shown_at is not null as "everShown"
       from runtime.builds where projection = $1 order by version, build`,
      [projection],
    )
    .catch(rethrown);
  return rows;
}

/** Whether two name the same build. */
export function sameBuild(a: BuildNumber | null | undefined, b: BuildNumber): boolean {
  return a?.version === b.version && a.build === b.build;
}

function rethrown(error: unknown): never {
  throw translateDatabaseError(error);
}
