import type { EventStream } from '@daybook/infra/http/stream-routes.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import type { Query } from '@daybook/kernel/query.ts';
import { auditQueries } from './audit/queries.ts';
import { auditStreams, type StreamPorts } from './audit/streams.ts';
import { marketQueries } from './market/queries.ts';
import { operationsQueries } from './operations/queries.ts';
import { opsQueries } from './ops/queries.ts';
import type { QueryPorts } from './query-ports.ts';

/** Every query this service answers. */
export function allQueries(ports: QueryPorts): readonly Query<TenantDb>[] {
  return [...marketQueries, ...opsQueries, ...operationsQueries, ...auditQueries(ports)];
}

/** Every stream of events it serves. */
export function allStreams(ports: StreamPorts): readonly EventStream<unknown>[] {
  return [...auditStreams(ports)];
}
