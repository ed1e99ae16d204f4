import { daybookSettings, type DaybookConfig } from '@daybook/infra/config/settings.ts';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { migrate } from '@daybook/infra/database/migrate.ts';
import { openMovableLog, type LogPlace } from '@daybook/infra/log-move/movable-log.ts';
import { openMovableTopic } from '@daybook/infra/log-move/movable-topic.ts';
import { moveLog, type MovedLog } from '@daybook/infra/log-move/move-log.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { openRegistry } from '@daybook/infra/registry/open-registry.ts';
import { expectRegistryBeside } from '@daybook/infra/topics/open-topics.ts';
import { postgresVault } from '@daybook/infra/vault/postgres.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { exclusiveDatabase, expectOwnData, invocation, logFile, openLog } from '../invocation.ts';
import { logPlaces } from '../log-place.ts';
import type { MigrateLogOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { moveLines } from '../terminal/move-log.ts';
import { writeLines } from '../terminal/printable.ts';

const settings = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  kafka: true,
  registry: true,
  vault: true,
  telemetry: true,
});

const applicationName = 'daybook migrate-log';

type Places = Readonly<{ from: LogPlace; to: LogPlace }>;

/** Moves the log between PostgreSQL and EventStoreDB, with everything that follows it. */
export async function migrateLog(options: MigrateLogOptions): Promise<ExitCode> {
  expectOwnData(options);
  const { folder, config } = await invocation(settings, options);
  const places = logPlaces(options, config);
  expectRegistryBeside(config);
  const log = openLog(config, { service: 'migrate-log', file: logFile(folder) });
  const provided = await exclusiveDatabase(config, folder, log);
  // As long as it takes.
  const long = { statementTimeoutMs: 0, settings: { idle_in_transaction_session_timeout: '0' } };
  const database = openDatabase({ url: provided.url, applicationName, poolSize: 6, log, ...long });
  try {
    await migrate(database);
    const moved = await move(places, config, database, log);
    writeLines(told(moved, places.to));
    return exitCodes.ok;
  } finally {
    await database.close();
    await provided.release();
  }
}

async function move(
  places: Places,
  config: Pick<DaybookConfig, 'vault' | 'registry' | 'kafka'>,
  database: Database,
  log: Log,
): Promise<MovedLog> {
  const registry = await openRegistry(config.registry, database);
  const { encryptionKey: keyEncryptionKey, formerEncryptionKeys: formerKeyEncryptionKeys } = config.vault;
  const vault = postgresVault({ database, keyEncryptionKey, formerKeyEncryptionKeys });
  const opening = { database, name: applicationName, log };
  const topic = await openMovableTopic({ ...opening, settings: config.kafka });
  const from = await openMovableLog(places.from, opening);
  const to = await openMovableLog(places.to, opening);
  const lines = moveLines((text) => process.stdout.write(text), process.stdout.isTTY);
  try {
    return await moveLog({
      database,
      applicationName,
      from,
      to,
      fromDatabase: places.from.kind === 'database',
      topic,
      codec: makeMessageCodec({ registry }),
      vault,
      log,
      onProgress: lines.show,
    });
  } finally {
    lines.end();
    await topic.close();
    await from.close();
    await to.close();
  }
}

/** What a move did, and what comes next. */
export function told({ moved, events, isBlocked }: MovedLog, to: LogPlace): readonly string[] {
  return [
    ...(moved === null ? ['Everything follows that log already.'] : toldOfMove(moved)),
    `${counted(events)} are on the events topic anew.`,
    ...(isBlocked
      ? [
          'The relay stands before one that it cannot publish: "daybook parked list" shows it after the start.',
        ]
      : []),
    to.kind === 'database'
      ? 'Start it without EVENTSTORE_URL. Read models are folded from the log first.'
      : 'Start it with EVENTSTORE_URL naming the EventStoreDB. Read models are folded from the log first.',
  ];
}

function toldOfMove(moved: NonNullable<MovedLog['moved']>): readonly string[] {
  const { copied, tookMs, hash, handedInAgain } = moved;
  const perSecond = tookMs === 0 ? 0 : Math.round((copied / tookMs) * 1_000);
  return [
    `Copied ${counted(copied)} (${perSecond.toLocaleString('en')}/s). Both logs hold the same ${counted(moved.events)}.`,
    `SHA-256 of them: ${hash}`,
    ...(handedInAgain === 0
      ? []
      : [`${handedInAgain.toLocaleString('en')} messages that were set aside are handed in again.`]),
  ];
}

const counted = (count: number): string => `${count.toLocaleString('en')} event${count === 1 ? '' : 's'}`;
