/** The query service: answers from read models over HTTP, and streams events live. */
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { openApiFragment } from '@daybook/infra/http/openapi.ts';
import { queryRoutes } from '@daybook/infra/http/query-routes.ts';
import { openSharedGate } from '@daybook/infra/http/shared-gate.ts';
import { streamRoutes } from '@daybook/infra/http/stream-routes.ts';
import { defineService } from '@daybook/infra/platform.ts';
import { askParts } from '@daybook/infra/readiness.ts';
import { followPositions } from '@daybook/infra/runtime/positions.ts';
import { openQueryDatabase } from '@daybook/infra/runtime/query-database.ts';
import { partitionsOfTenants } from '@daybook/infra/runtime/tenant-partitions.ts';
import { eventsTopic } from '@daybook/schemas/contracts.ts';
import { lineageOver } from './audit/lineage-log.ts';
import { allQueries, allStreams } from './capabilities.ts';

/** Readers wait no longer, whatever else may. */
const longestQueryMs = 5_000;

/** Several may run on one database. */
export const queryService = defineService({
  name: 'query-service',
  settings: daybookSettings.pick({ installation: true, database: true, http: true, rateLimits: true }),
  start: (platform, { stopping, models }, config) => {
    const { database, eventStore, wakeups, topics, clock, log } = platform;
    const readModels = openQueryDatabase({
      url: database.url,
      log,
      poolSize: config.database.poolSize,
      statementTimeoutMs: Math.min(config.database.statementTimeoutMs, longestQueryMs),
    });
    const queries = allQueries({
      lineage: lineageOver({ models, eventStore, database, readModels }),
      readModels: models.projections.map(({ name }) => name),
    });
    const streams = allStreams({ readModels, wakeups });
    const positions = followPositions({
      database,
      wakeups,
      projections: [...new Set(queries.flatMap(({ reads }) => reads))],
      partitionOf: partitionsOfTenants(topics, eventsTopic),
      log,
    });
    const gate = openSharedGate({ platform, limits: config.rateLimits });
    return Promise.resolve({
      routers: [
        queryRoutes({
          ...gate,
          queries,
          database: readModels,
          positions,
          clock,
          positionWaitMs: config.http.positionWaitMs,
        }),
        streamRoutes({ ...gate, streams, log, stopping }),
      ],
      openapi: openApiFragment({ queries, streams }),
      ready: () =>
        askParts({
          readModels: async () => {
            await database.pool.query('select 1');
            return undefined;
          },
        }),
      stop: async () => {
        await gate.close();
        await positions.close();
        await readModels.close();
      },
    });
  },
});
