import { contractStore } from '@daybook/infra/event-store/contract-store.ts';
import { memoryEventStore } from '@daybook/infra/event-store/memory.ts';
import { makeCommandBus } from '@daybook/infra/runtime/command-bus.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { allCommands } from '@daybook/command-service/capabilities.ts';
import type { CommandPorts } from '@daybook/command-service/command-ports.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { CommandDelivery, CommandResult, Vault } from '@daybook/kernel/ports/outside.ts';
import { currentVersion } from '@daybook/schemas/contracts.ts';
import { silentLog } from './silent-log.ts';

/** All commands of the command service on a log in memory, with a clock that is driven. */
export type CommandHouse = Readonly<{
  eventStore: EventStore;
  vault: Vault;
  /** Sends a command by name. A command id given twice is one delivery repeated. */
  send: (command: string, input: object, delivery?: Partial<CommandDelivery>) => Promise<CommandResult>;
  /** Everything recorded so far, as it stands in the log: what is sealed is sealed. */
  events: () => Promise<readonly RecordedEvent[]>;
  letPass: (ms: number) => void;
}>;

export function commandHouse(ports: Partial<CommandPorts> = {}): CommandHouse {
  let now = Date.parse('2026-01-01T00:00:00.000Z');
  let commands = 0;
  const vault = memoryVault();
  const eventStore = contractStore(memoryEventStore(), vault);
  const bus = makeCommandBus({
    commands: allCommands({
      eventStore,
      vault,
      tokens: {
        issue: ({ userId, tenantId, role }) =>
          Promise.resolve({ token: `jwt of ${userId} ${role} ${tenantId}`, expiresAt: '' }),
      },
      signupTokenTtlMs: 3_600_000,
      revealsMailedTokens: true,
      allowsPrivateHost: () => false,
      parked: { find: () => Promise.resolve(undefined) },
      ...ports,
    }),
    eventStore,
    schemaVersion: currentVersion,
    clock: { now: () => new Date(now).toISOString() },
    log: silentLog,
  });
  return {
    eventStore,
    vault,
    send: (command, input, delivery = {}) => {
      commands += 1;
      return bus.send(
        { command, input: input as Record<string, unknown> },
        {
          tenantId: 'test-shop-c8e44f',
          actor: { kind: 'user', id: 'user-0123456789' },
          commandId: `00000000-0000-4000-8000-${String(commands).padStart(12, '0')}`,
          correlationId: 'correlation',
          ...delivery,
        },
      );
    },
    events: async () => {
      const events: RecordedEvent[] = [];
      for await (const page of eventStore.readAll()) events.push(...page);
      return events;
    },
    letPass: (ms) => {
      now += ms;
    },
  };
}
