import type { Command } from '@daybook/kernel/command.ts';
import type { CommandPorts } from './command-ports.ts';
import { identityCommands } from './identity/commands.ts';
import { marketCommands } from './market/commands.ts';
import { operationsCommands } from './operations/commands.ts';
import { opsCommands } from './ops/commands.ts';

/** Every command this service decides. */
export function allCommands(ports: CommandPorts): readonly Command[] {
  return [
    ...identityCommands(ports),
    ...marketCommands(ports),
    ...opsCommands(),
    ...operationsCommands(ports),
  ];
}
