import { hash } from 'node:crypto';

/** Namespace of every id that is derived here; random, and fixed for ever: a new one would break redelivery. */
const namespace = '6f0c7b1e-0d53-4b1c-9a55-3d5a1f4be2c7';

const namespaceBytes = 16;
const kept = Buffer.alloc(1_024);
kept.write(namespace.replaceAll('-', ''), 'hex');

/**
 * Ids that come out the same at every delivery: uuid version 5 over what the id belongs to. Each purpose has a prefix
 * of its own, so that ids of different purposes never meet.
 */
function derived(purpose: string, parts: readonly (string | number)[]): string {
  return version5([purpose, ...parts].join('\u001f'));
}

/** https://www.rfc-editor.org/rfc/rfc9562#section-5.5: in 0.5 µs, of which every command makes one or more; the package `uuid` takes 3.2. */
function version5(name: string): string {
  const room = namespaceBytes + name.length * 3;
  const bytes =
    room <= kept.length ? kept : Buffer.concat([kept.subarray(0, namespaceBytes), Buffer.alloc(room)]);
  const length = namespaceBytes + bytes.write(name, namespaceBytes);
  const hex = hash('sha1', bytes.subarray(0, length));
  const variant = '89ab'.charAt(Number.parseInt(hex.charAt(16), 16) & 3);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ];
  return parts.join('-');
}

/** Hex digits at the end of an event's id that count on: far more events than one append may have. */
const countedDigits = 6;

/**
 * The id of the n-th event that a command records: numbered on from the first one's, since ids beside each other cost the
 * index half of what ids all over it do.
 */
export function eventIdOf(commandId: string, index: number): string {
  const first = derived('event', [commandId, 0]);
  if (index === 0) return first;
  const counted = (Number.parseInt(first.slice(-countedDigits), 16) + index) % 16 ** countedDigits;
  return first.slice(0, -countedDigits) + counted.toString(16).padStart(countedDigits, '0');
}

/** The n-th id that a command's rules may use. */
export function commandScopedId(commandId: string, n: number): string {
  return derived('id', [commandId, n]);
}

/** The command id of the n-th command that has to be accepted before a command. */
export function precedingCommandId(commandId: string, index: number): string {
  return derived('first', [commandId, index]);
}

/** The id of the n-th effect of a process's reaction to an input; the effect's command or message carries it. */
export function effectIdOf(process: string, tenantId: string, inputId: string, index: number): string {
  return derived('effect', [process, tenantId, inputId, index]);
}

/** The command id of the n-th command that an effect handler reports back with. */
export function reportedCommandId(effectId: string, n: number): string {
  return derived('report', [effectId, n]);
}

/** The input id of a timer, by the effect that set it. */
export function timerInputId(effectId: string, dueAt: string): string {
  return derived('timer', [effectId, dueAt]);
}

/** The id of the thing that a value names for a tenant: the same value gives the same thing. */
export function namedId(tenantId: string, kind: string, value: string): string {
  return derived('named', [tenantId, kind, value]);
}
