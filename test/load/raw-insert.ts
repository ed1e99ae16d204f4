import { randomUUID } from 'node:crypto';
import type { Database } from '@daybook/infra/database/database.ts';
import { sampleForm } from './sample-events.ts';

/**
 * Writes rows straight into the event store's own table: no expectation, no idempotency, no order. The anchor of the
 * append bars.
 */
export function rawInsert(database: Database): (rows: number) => Promise<void> {
  const data = JSON.stringify(sampleForm().data);
  const metadata = JSON.stringify(sampleForm().metadata);
  let position = 0;
  return async (rows) => {
    const first = position + 1;
    position += rows;
    const ids = Array.from({ length: rows }, () => randomUUID());
    await database.pool.query({
      name: 'raw-insert',
      text: `insert into log.events (position, recorded_at, id, revision, stream, type, data, metadata)
             select u.position, clock_timestamp(), u.id, 0, u.stream, 'PriceObserved', u.data, u.metadata
               from unnest($1::bigint[], $2::uuid[], $3::text[], $4::json[], $5::json[])
                 as u (position, id, stream, data, metadata)`,
      values: [
        ids.map((_, index) => first + index),
        ids,
        ids.map((id) => `product-${id}`),
        ids.map(() => data),
        ids.map(() => metadata),
      ],
    });
  };
}
