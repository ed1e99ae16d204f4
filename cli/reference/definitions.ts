import { allCommands } from '@daybook/command-service/capabilities.ts';
import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { memoryEventStore } from '@daybook/infra/event-store/memory.ts';
import type { EventStream } from '@daybook/infra/http/stream-routes.ts';
import type { TenantDb } from '@daybook/infra/runtime/query-database.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { Command } from '@daybook/kernel/command.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import type { Query } from '@daybook/kernel/query.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { allQueries, allStreams } from '@daybook/query-service/capabilities.ts';
import { allProcesses } from '@daybook/sagas/capabilities.ts';

/** Everything the platform is made of, for pages that list it. Nothing of it is called. */
export type AllDefinitions = Readonly<{
  commands: readonly Command[];
  queries: readonly Query<TenantDb>[];
  streams: readonly EventStream<unknown>[];
  projections: readonly AnyProjection[];
  processes: readonly AnyProcess[];
}>;

const notCalled = (): never => {
  throw new TypeError('Definitions are listed, not called.');
};

/** The definitions of all capabilities, on ports that lead nowhere. */
export function allDefinitions(): AllDefinitions {
  return {
    commands: allCommands({
      eventStore: memoryEventStore(),
      vault: memoryVault(),
      tokens: { issue: notCalled },
      signupTokenTtlMs: 0,
      revealsMailedTokens: false,
      allowsPrivateHost: () => false,
      parked: { find: notCalled },
    }),
    queries: allQueries({ lineage: { explain: notCalled }, readModels: [] }),
    streams: allStreams({
      readModels: { forTenant: notCalled },
      wakeups: memoryWakeups(),
    }),
    projections: allProjections,
    processes: allProcesses,
  };
}
