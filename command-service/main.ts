/** The command service: decides. Commands come in over HTTP, events go to the log, the relay publishes them. */
import { daybookSettings, type ConfigOf } from '@daybook/infra/config/settings.ts';
import { commandRoutes } from '@daybook/infra/http/command-routes.ts';
import { internalRoutes } from '@daybook/infra/http/internal-routes.ts';
import { openApiFragment } from '@daybook/infra/http/openapi.ts';
import { openSharedGate } from '@daybook/infra/http/shared-gate.ts';
import { parseAllowHosts } from '@daybook/infra/outbound/allow-hosts.ts';
import { findParked } from '@daybook/infra/parking/parked.ts';
import { defineService, type Platform, type Readiness } from '@daybook/infra/platform.ts';
import { askParts, degraded, notReady } from '@daybook/infra/readiness.ts';
import { startRelay } from '@daybook/infra/relay/start-relay.ts';
import { makeCommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { openStates } from '@daybook/infra/runtime/open-states.ts';
import { postgresNonces } from '@daybook/infra/tokens/nonces.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import { allCommands } from './capabilities.ts';
import type { CommandPorts } from './command-ports.ts';

const settings = daybookSettings.pick({
  installation: true,
  http: true,
  rateLimits: true,
  tokens: true,
  services: true,
  states: true,
  outbound: true,
});

/** Several may run on one database: the log orders their appends, one of them leads the relay. */
export const commandService = defineService({
  name: 'command-service',
  settings,
  start: async (platform, _links, config) => {
    const { database, eventStore, clock, log } = platform;
    const commands = allCommands(portsOf(platform, config));
    const states = await openStates({ platform, serviceFolder: import.meta.dirname, ...config.states });
    const bus = makeCommandBus({ commands, eventStore, schemaVersion: currentVersion, clock, log, states });
    const gate = openSharedGate({ platform, limits: config.rateLimits });
    const relay = startRelay(platform);
    const routers = [
      internalRoutes({ commands: bus, secret: config.services.secret, nonces: postgresNonces(database) }),
      commandRoutes({
        ...gate,
        commands,
        bus,
        log,
        bodyLimitBytes: config.http.bodyLimitBytes,
      }),
    ];
    return Promise.resolve({
      routers,
      openapi: openApiFragment({ commands }),
      commandSender: bus,
      ready: () => readiness(platform, relay),
      stop: async () => {
        await gate.close();
        await states.close();
        await relay.stop();
      },
    });
  },
});

function portsOf(platform: Platform, config: ConfigOf<typeof settings>): CommandPorts {
  const allowed = parseAllowHosts(config.outbound.allowHosts);
  return {
    eventStore: platform.eventStore,
    vault: platform.vault,
    tokens: platform.tokens,
    parked: { find: (parkedId) => findParked(platform.database.pool, parkedId) },
    signupTokenTtlMs: config.tokens.signupTtlMs,
    revealsMailedTokens: config.installation.environment !== 'production',
    allowsPrivateHost: (host, port) => allowed.has(`${host}:${String(port)}`),
  };
}

function readiness({ eventStore }: Platform, relay: ReturnType<typeof startRelay>): Promise<Readiness> {
  return askParts({
    log: async () => `at ${await eventStore.head()}`,
    relay: async () => {
      const { events, leads, blocked } = await relay.lag();
      const behind = `${String(events)} events behind`;
      const trouble = relay.trouble();
      if (!leads && trouble === null) throw notReady('No relay leads.');
      if (!leads) throw degraded(`${behind}; tries again: ${String(trouble)}`);
      if (blocked) return 'stands before an event that cannot be published: see "daybook parked list"';
      return behind;
    },
  });
}
