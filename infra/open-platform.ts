import { join } from 'node:path';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log, Mail, SchemaRegistry, Vault } from '@daybook/kernel/ports/outside.ts';
import { topicContracts } from '@daybook/schemas/contracts.ts';
import { systemClock, systemIds } from './ambient.ts';
import { daybookSettings, type ConfigOf } from './config/settings.ts';
import { openDatabase, translateDatabaseError, type Database } from './database/database.ts';
import { probeKeys } from './vault/probe-keys.ts';
import { postgresWakeups } from './database/wakeups.ts';
import type { EngineWatch } from './engines/engine-watch.ts';
import { openEngineWatch } from './engines/open-engine-watch.ts';
import { contractStore } from './event-store/contract-store.ts';
import { watchLog, type LogWatch } from './event-store/log-watch.ts';
import { openStore } from './event-store/open-store.ts';
import { mailboxMail } from './mail/mailbox.ts';
import { smtpMail } from './mail/smtp.ts';
import { diskObjects } from './objects/disk-objects.ts';
import { guardedHttp } from './outbound/guarded-http.ts';
import type { Platform } from './platform.ts';
import { makeMessageCodec } from './registry/codec.ts';
import { openRegistry } from './registry/open-registry.ts';
import { accessTokens, type AccessTokens } from './tokens/access-tokens.ts';
import { sharedSecretRing } from './tokens/key-ring.ts';
import { signingKeys } from './tokens/signing-keys.ts';
import { expectRegistryBeside, openTopics, type OpenTopics } from './topics/open-topics.ts';
import { postgresVault } from './vault/postgres.ts';

/** What the ports are made from, whichever services use them. */
export const platformSettings = daybookSettings.pick({
  installation: true,
  database: true,
  eventStore: true,
  registry: true,
  kafka: true,
  vault: true,
  mail: true,
  outbound: true,
  tokens: true,
});

export type PlatformOptions = Readonly<{
  config: ConfigOf<typeof platformSettings>;
  /** Of the configuration, or of the embedded server where that names none. */
  databaseUrl: string;
  log: Log;
  /** Shown in `pg_stat_activity`. */
  name: string;
  /** See `TopicsOptions`: held by one process at a time, such as that which has locked a data folder. */
  instance?: string;
}>;

/**
 * Opens every port on a migrated database and makes sure of the topics.
 * @throws `unavailable` · `partition-mismatch` · `configuration-invalid` · `log-mismatch`
 */
export async function openPlatform(options: PlatformOptions): Promise<Platform> {
  const { config, log } = options;
  expectRegistryBeside(config);
  const { dataFolder } = config.installation;
  const database = openDatabase({
    url: options.databaseUrl,
    poolSize: config.database.poolSize,
    statementTimeoutMs: config.database.statementTimeoutMs,
    applicationName: options.name,
    log,
  });
  const wakeups = postgresWakeups(database, log);
  const vault = postgresVault({
    database,
    keyEncryptionKey: config.vault.encryptionKey,
    formerKeyEncryptionKeys: config.vault.formerEncryptionKeys,
  });
  const identity = options.instance === undefined ? {} : { instance: options.instance };
  const outbound = guardedHttp({ allowHosts: config.outbound.allowHosts, log });
  const open: { close: () => Promise<void> }[] = [outbound, wakeups, database];
  let eventStore: EventStore;
  let registry: SchemaRegistry;
  let engine: OpenTopics;
  let engines: EngineWatch;
  let logWatch: LogWatch;
  try {
    const stored = await openStore({
      settings: config.eventStore,
      name: options.name,
      database,
      wakeups,
      log,
      answerLimitMs: config.database.statementTimeoutMs,
    });
    eventStore = contractStore(stored, vault);
    open.splice(1, 0, eventStore);
    registry = await openRegistry(config.registry, database);
    engine = await openTopics({
      settings: config.kafka,
      name: options.name,
      database,
      wakeups,
      log,
      ...identity,
    });
    open.splice(1, 0, engine.topics);
    engines = await openEngineWatch({ config, database, eventStore: stored, kafka: engine.probe });
    open.splice(1, 0, engines);
    // Events as they are stored: whether this build knows their schemas makes no difference here.
    await engine.confirm();
    logWatch = await watchLog({ eventStore: stored, database, log });
    await probeKeys(database.pool, config.vault).catch(refusedKey);
    for (const { name, partitions, retentionMs } of topicContracts) {
      await engine.topics.ensure(name, { partitions, ...(retentionMs === undefined ? {} : { retentionMs }) });
    }
  } catch (error) {
    await closeAll(open)();
    throw error;
  }
  const close = closeAll([logWatch, ...open]);
  return {
    log,
    clock: systemClock,
    ids: systemIds,
    database,
    wakeups,
    eventStore,
    engines,
    logWatch,
    topics: engine.topics,
    relayOutput: engine.relayOutput,
    registry,
    codec: makeMessageCodec({ registry }),
    vault,
    mail: mailOf(config.mail, join(dataFolder, 'mailbox')),
    objects: diskObjects(join(dataFolder, 'objects')),
    outbound,
    tokens: tokensOf(config.tokens, database, vault),
    close,
  };
}

function mailOf(settings: PlatformOptions['config']['mail'], mailbox: string): Mail {
  const { smtpHost } = settings;
  return smtpHost === undefined ? mailboxMail(mailbox, settings.from) : smtpMail({ ...settings, smtpHost });
}

function tokensOf(
  settings: PlatformOptions['config']['tokens'],
  database: Database,
  vault: Vault,
): AccessTokens {
  const { algorithm, jwtSecret, issuer, accessTtlMs } = settings;
  if (algorithm === 'HS256' && jwtSecret === undefined) {
    throw new DaybookError('configuration-invalid', 'TOKEN_ALGORITHM is HS256: JWT_SECRET is missing.');
  }
  const keys =
    jwtSecret !== undefined && (algorithm ?? 'HS256') === 'HS256'
      ? sharedSecretRing(jwtSecret)
      : signingKeys({ database, vault, algorithm: algorithm === 'RS256' ? 'RS256' : 'EdDSA' });
  return accessTokens({ keys, issuer, ttlMs: accessTtlMs });
}

/** Another key than before would seal what is new so that nobody who has the right one can open it. */
function refusedKey(error: unknown): never {
  if (!isDaybookError(error, 'key-unknown')) throw translateDatabaseError(error);
  throw new DaybookError(
    'key-unknown',
    'The data in this database was sealed under another ENCRYPTION_KEY than the one at hand. Start with the key of this installation as ENCRYPTION_KEY (or ENCRYPTION_KEY_FILE; older ones as FORMER_ENCRYPTION_KEYS). Nothing was changed.',
    { cause: error },
  );
}

/** Closes one after the other, once, also where one fails; the first failure is thrown at the end. */
function closeAll(parts: readonly Readonly<{ close: () => Promise<void> }>[]): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () =>
    (closing ??= (async () => {
      const failures: unknown[] = [];
      for (const part of parts) await part.close().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    })());
}
