import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { Database } from '@daybook/infra/database/database.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { importEvents, type ImportedEvent } from '@daybook/infra/event-store/import-events.ts';
import type { Bar } from './bar.ts';
import { countRows } from './bench-database.ts';
import { timed, type Sample } from './measure.ts';
import { sampleForm } from './sample-events.ts';

const total = 100_000;
const perStream = 100;
const pageSize = 1_000;
const linesPerChunk = 100;

export const bar: Bar = {
  name: 'p6',
  title: `Bulk import of ${String(total)} events of another log: checked against contracts, order and uniqueness.`,
  pairs: 7,
  prepare: async (bench) => {
    const database = await bench.database();
    const other = await bench.database();
    return {
      contests: [
        {
          subject: { name: 'import of events', unit: 'events/s', run: () => importAll(database) },
          anchor: {
            name: 'COPY of the same rows into the same table, one transaction, text made beforehand',
            unit: 'rows/s',
            run: () => copyAll(other),
          },
          gate: 0.5,
          goal: 0.75,
        },
      ],
      close: () => Promise.resolve(),
    };
  },
};

/** Events of streams that are new. */
function newEvents(): readonly ImportedEvent[] {
  const { data, metadata } = sampleForm();
  let stream: ImportedEvent['stream'] = 'product-';
  return Array.from({ length: total }, (_, n) => {
    const revision = n % perStream;
    if (revision === 0) stream = `product-${randomUUID()}`;
    return {
      id: randomUUID(),
      type: 'PriceObserved',
      data,
      metadata,
      stream,
      revision,
      recordedAt: '2026-01-01T06:00:00.000Z',
    };
  });
}

async function importAll(database: Database): Promise<Sample> {
  const events = newEvents();
  const before = await countRows(database.pool, 'log.events');
  const sample = await timed(total, async () => {
    const { imported } = await importEvents({
      database,
      wakeups: memoryWakeups(),
      events: pagesOf(events),
    });
    return imported;
  });
  await judge(database, before);
  return sample;
}

async function* pagesOf(events: readonly ImportedEvent[]): AsyncGenerator<readonly ImportedEvent[]> {
  for (let n = 0; n < events.length; n += pageSize) {
    yield await Promise.resolve(events.slice(n, n + pageSize));
  }
}

async function copyAll(database: Database): Promise<Sample> {
  const before = await countRows(database.pool, 'log.events');
  const lines = newEvents().map(
    ({ id, type, data, metadata, stream, revision, recordedAt }, n) =>
      `${String(before + n + 1)}\t${String(revision)}\t${recordedAt}\t${id}\t${stream}\t${type}\t${JSON.stringify(data)}\t${JSON.stringify(metadata)}\n`,
  );
  const chunks: string[] = [];
  for (let n = 0; n < lines.length; n += linesPerChunk)
    chunks.push(lines.slice(n, n + linesPerChunk).join(''));
  const client = await database.pool.connect();
  try {
    const sample = await timed(total, async () => {
      const copy = client.query(
        copyFrom(
          'copy log.events (position, revision, recorded_at, id, stream, type, data, metadata) from stdin',
        ),
      );
      await pipeline(Readable.from(chunks), copy);
      return copy.rowCount;
    });
    await judge(database, before);
    return sample;
  } finally {
    client.release();
  }
}

/** Everything is there, in places without holes. */
async function judge(database: Database, before: number): Promise<void> {
  const after = await countRows(database.pool, 'log.events');
  const { rows } = await database.pool.query<{ last: number }>(
    'select max(position) as last from log.events',
  );
  if (after !== before + total || rows[0]?.last !== after) throw new Error('Events were lost.');
}
