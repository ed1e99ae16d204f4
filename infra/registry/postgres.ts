import type pg from 'pg';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import { translateDatabaseError, type Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { parseSchema, refuseIncompatible, unknownSchema, type ParsedSchema } from './compatibility.ts';

type Version = Readonly<{ id: number; version: number; schema: string; digest: string }>;

/** The registry of the embedded default: ids are drawn by PostgreSQL and are the same in every process. */
export function postgresSchemaRegistry(database: Pick<Database, 'pool' | 'transaction'>): SchemaRegistry {
  return {
    async register(subject, schema) {
      const candidate = parseSchema(subject, schema);
      const known = same(await versionsOf(database.pool, subject), candidate);
      if (known !== undefined) return known.id;
      const id = await database.transaction((client) => registerUnderLock(client, subject, candidate));
      await failpoint('registry.registered');
      return id;
    },
    async schemaOf(id) {
      const { rows } = await database.pool
        .query<{ schema: string }>('select schema from registry.schemas where id = $1', [id])
        .catch(rethrow);
      const [row] = rows;
      if (row === undefined) throw unknownSchema(id);
      return row.schema;
    },
    async versions(subject) {
      const versions = await versionsOf(database.pool, subject);
      return versions.map(({ id, version, schema }) => ({ id, version, schema }));
    },
  };
}

/** Under the subject's lock the versions that the check sees are those the version is counted from. */
async function registerUnderLock(
  client: pg.PoolClient,
  subject: string,
  candidate: ParsedSchema,
): Promise<number> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`registry ${subject}`]);
  const versions = await versionsOf(client, subject);
  const known = same(versions, candidate);
  if (known !== undefined) return known.id;
  refuseIncompatible(subject, candidate, versions);
  const id = await schemaId(client, candidate);
  await client.query('insert into registry.versions (subject, version, schema_id) values ($1, $2, $3)', [
    subject,
    versions.length + 1,
    id,
  ]);
  await failpoint('registry.registering');
  return id;
}

/** The conflict waits for another subject's registration of the same schema, so that the select finds its row. */
async function schemaId(client: pg.PoolClient, candidate: ParsedSchema): Promise<number> {
  const find = async (): Promise<number | undefined> =>
    (
      await client.query<{ id: number }>('select id from registry.schemas where digest = $1', [
        candidate.digest,
      ])
    ).rows[0]?.id;
  const found = await find();
  if (found !== undefined) return found;
  const inserted = await client.query<{ id: number }>(
    'insert into registry.schemas (digest, schema) values ($1, $2) on conflict (digest) do nothing returning id',
    [candidate.digest, candidate.text],
  );
  const id = inserted.rows[0]?.id ?? (await find());
  if (id === undefined) throw new Error('A schema is there once its insert conflicted.');
  return id;
}

async function versionsOf(client: Pick<pg.Pool, 'query'>, subject: string): Promise<readonly Version[]> {
  const { rows } = await client
    .query<Version>(
      `select s.id, v.version, s.schema, s.digest
         from registry.versions v join registry.schemas s on s.id = v.schema_id
        where v.subject = $1 order by v.version`,
      [subject],
    )
    .catch(rethrow);
  return rows;
}

function same(versions: readonly Version[], candidate: ParsedSchema): Version | undefined {
  return versions.find((version) => version.digest === candidate.digest);
}

function rethrow(error: unknown): never {
  throw translateDatabaseError(error);
}
