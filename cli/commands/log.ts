import type { RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore, Pages } from '@daybook/kernel/ports/event-store.ts';
import { isSealed, type Vault } from '@daybook/kernel/ports/outside.ts';
import { contracts } from '@daybook/schemas/contracts.ts';
import type { LogOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { stopSignals } from '../signals.ts';
import { withStoredLog } from '../stored-log.ts';
import { paint } from '../terminal/screen.ts';
import { writeLines } from '../terminal/printable.ts';

/** Prints events of the log that fit the filter. Sealed fields are opened only when asked for. */
export async function printLog(options: LogOptions): Promise<ExitCode> {
  const signals = stopSignals();
  try {
    await withStoredLog(options, 'log', ({ eventStore, vault }) =>
      print(
        options,
        untilAborted(pagesOf(eventStore, options, signals.signal), signals.signal),
        options.open ? vault : undefined,
      ),
    );
    return signals.signal.aborted && !options.follow ? exitCodes.forced : exitCodes.ok;
  } finally {
    signals.release();
  }
}

function pagesOf(store: EventStore, { follow, stream }: LogOptions, signal: AbortSignal): Pages {
  if (follow) return store.subscribeAll({ signal });
  return stream === undefined ? store.readAll() : store.read(stream as StreamName);
}

/** Pages until a signal comes, also of a read that knows of none. */
export async function* untilAborted(pages: Pages, signal: AbortSignal): Pages {
  for await (const page of pages) {
    if (signal.aborted) return;
    yield page;
  }
}

async function print(options: LogOptions, pages: Pages, vault: Vault | undefined): Promise<void> {
  for await (const page of pages) {
    const lines: string[] = [];
    for (const event of page) {
      if (!fits(event, options)) continue;
      lines.push(eventLine(vault === undefined ? event : await opened(event, vault)));
    }
    if (lines.length > 0) writeLines(lines);
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
