import { postgresEventStore } from '@daybook/infra/event-store/postgres.ts';
import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { environment } from '@daybook/infra/config/environment.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { pendingMigrations } from '@daybook/infra/database/migrate.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { postgresVault } from '@daybook/infra/vault/postgres.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, Pages } from '@daybook/kernel/ports/event-store.ts';
import { isSealed, type Vault } from '@daybook/kernel/ports/outside.ts';
import { contracts } from '@daybook/schemas/contracts.ts';
import { expectDaybook, folderPath } from '../data-folder.ts';
import { invocation, logFile, openLog, provideDatabase } from '../invocation.ts';
import type { LogOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { stopSignals } from '../signals.ts';
import { paint } from '../terminal/screen.ts';

const settings = daybookSettings.pick({ installation: true, database: true, vault: true, telemetry: true });

/** Prints events of the log that fit the filter. Sealed fields are opened only when asked for. */
export async function printLog(options: LogOptions): Promise<ExitCode> {
  expectLog(options);
  const { folder, config } = await invocation(settings, options);
  const log = openLog(config, { service: 'log', file: logFile(folder) });
  const provided = await provideDatabase(config, folder, log);
  const database = openDatabase({ url: provided.url, applicationName: 'daybook log', poolSize: 2, log });
  const wakeups = postgresWakeups(database, log);
  const vault = postgresVault({
    database,
    keyEncryptionKey: config.vault.encryptionKey,
    formerKeyEncryptionKeys: config.vault.formerEncryptionKeys,
  });
  const store = contractStore(postgresEventStore({ database, wakeups, log }), vault);
  const signals = stopSignals();
  try {
    if ((await pendingMigrations(database)).length > 0) throw notMigrated();
    await print(options, pagesOf(store, options, signals.signal), options.open ? vault : undefined);
    return exitCodes.ok;
  } finally {
    signals.release();
    await store.close();
    await wakeups.close();
    await database.close();
    await provided.release();
  }
}

/** An own database holds a log wherever the folder is; an embedded one only where Daybook ran. */
function expectLog(options: LogOptions): void {
  const env = environment();
  const elsewhere = (env['DATABASE_URL'] ?? env['DATABASE_URL_FILE'] ?? '').trim() !== '';
  if (!elsewhere) expectDaybook(folderPath(options.data, env));
}

function notMigrated(): DaybookError {
  return new DaybookError(
    'configuration-invalid',
    'The database is not at this version. Run "daybook migrate" first, or start with "daybook up", which does.',
  );
}

function pagesOf(store: EventStore, { follow, stream }: LogOptions, signal: AbortSignal): Pages {
  if (follow) return store.subscribeAll({ signal });
  return stream === undefined ? store.readAll() : store.read(stream as StreamName);
}

async function print(options: LogOptions, pages: Pages, vault: Vault | undefined): Promise<void> {
  for await (const page of pages) {
    const lines: string[] = [];
    for (const event of page) {
      if (!fits(event, options)) continue;
      lines.push(eventLine(vault === undefined ? event : await opened(event, vault)));
    }
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
  }
}

/** Whether an event passes the filter. */
export function fits(
  event: Pick<RecordedEvent, 'type' | 'stream' | 'metadata'>,
  filter: Pick<LogOptions, 'stream' | 'type' | 'tenant'>,
): boolean {
  return (
    (filter.type === undefined || event.type === filter.type) &&
    (filter.stream === undefined || event.stream === filter.stream) &&
    (filter.tenant === undefined || event.metadata.tenantId === filter.tenant)
  );
}

/** One line: position, time, type, stream and revision, tenant, data. */
export function eventLine(event: RecordedEvent): string {
  const { position, recordedAt, type, stream, revision, metadata, data } = event;
  const [dim, bold] = process.stdout.isTTY ? [paint.dim, paint.bold] : [String, String];
  return [
    dim(position),
    dim(recordedAt),
    bold(type),
    `${stream}@${String(revision)}`,
    dim(metadata.tenantId),
    JSON.stringify(data),
  ].join(' ');
}

/** The event with its sealed fields opened. Others are left as they are, also where their text looks sealed. */
export async function opened(event: RecordedEvent, vault: Pick<Vault, 'open'>): Promise<RecordedEvent> {
  const sealed = new Set(contracts.get(event.type)?.sealed.map(({ field }) => field));
  const fields = Object.entries(event.data as Record<string, unknown>).map(
    async ([key, value]) =>
      [key, sealed.has(key) && isSealed(value) ? await vault.open(value) : value] as const,
  );
  return { ...event, data: Object.fromEntries(await Promise.all(fields)) };
}
