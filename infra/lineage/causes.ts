import { printPlace, readPlace, type RecordedEvent, type Step } from '@daybook/kernel/event.ts';
import type { LineageNode } from './explanation.ts';

/** Finds events of one tenant; null for those of another, and for none. */
export type FindEvents = Readonly<{
  at: (place: string) => Promise<RecordedEvent | null>;
  /** The event of a correlation that has this id, or one that the command of this id recorded. */
  named: (correlationId: string, id: string) => Promise<RecordedEvent | null>;
}>;

/** Most events on the way back; a way that is longer turns in a circle. */
const mostEvents = 50;

/**
 * What led to an event, nearest first: its command; then, where a process gave that, the way to it from the event before,
 * and so on; at the end the request of whoever began it.
 */
export async function causesOf(event: RecordedEvent, find: FindEvents): Promise<readonly LineageNode[]> {
  const nodes: LineageNode[] = [];
  let present: RecordedEvent | null = event;
  for (let events = 0; present !== null && events < mostEvents; events += 1) {
    const { nodes: before, cause } = await stepBack(present, find);
    nodes.push(...before);
    present = cause;
  }
  return nodes;
}

type StepBack = Readonly<{ nodes: readonly LineageNode[]; cause: RecordedEvent | null }>;

/** From an event to the one before it; null where there is none, or none of this tenant. */
async function stepBack(event: RecordedEvent, find: FindEvents): Promise<StepBack> {
  const { steps = [] } = event.metadata;
  const [origin, ...between] = steps;
  const cause = origin?.kind === 'event' ? await find.at(origin.ref) : null;
  const other = await otherCause(event, cause, find);
  // A command that had to be accepted first was given on account of the one it preceded.
  const preceded = other !== null && other.metadata.commandId === event.metadata.causationId ? other : null;
  const nodes = [
    commandNode(event),
    ...(preceded === null ? [] : [commandNode(preceded)]),
    ...between.map(stepNode).toReversed(),
  ];
  if (origin !== undefined) {
    return { nodes: [...nodes, cause === null ? foreignNode(origin) : eventNode(cause)], cause };
  }
  if (other !== null && preceded === null) return { nodes: [...nodes, eventNode(other)], cause: other };
  return { nodes: [...nodes, firstNode(event, preceded)], cause: null };
}

/** The event, or an event of the command, that is named as the cause and is not the last step. */
async function otherCause(
  { metadata }: RecordedEvent,
  cause: RecordedEvent | null,
  find: FindEvents,
): Promise<RecordedEvent | null> {
  const { steps = [], causationId, correlationId } = metadata;
  const last = steps.at(-1);
  if (causationId === undefined || last?.ref === causationId) return null;
  if (last?.kind === 'event' && (cause === null || cause.id === causationId)) return null;
  return find.named(correlationId, causationId);
}

/** Where nothing leads further back: a request, or something that nobody kept. */
function firstNode(event: RecordedEvent, preceded: RecordedEvent | null): LineageNode {
  const { causationId } = event.metadata;
  return preceded === null && causationId !== undefined
    ? unknownNode(causationId)
    : requestNode(preceded ?? event);
}

/** The command that recorded an event. */
export function commandNode({ metadata, recordedAt }: RecordedEvent): LineageNode {
  const { command = null, commandId, actor } = metadata;
  return { kind: 'command', name: command, id: commandId, at: recordedAt, actor, state: null };
}

/** An event as a node. */
export function eventNode(event: RecordedEvent): LineageNode {
  const { type, recordedAt } = event;
  return { kind: 'event', name: type, id: printPlace(event), at: recordedAt, actor: null, state: null };
}

/** A step between events as a node. */
export function stepNode({ kind, name, ref, at }: Step): LineageNode {
  return { kind, name, id: ref, at, actor: null, state: null };
}

function requestNode({ metadata, recordedAt }: RecordedEvent): LineageNode {
  const { correlationId, actor } = metadata;
  return { kind: 'request', name: null, id: correlationId, at: recordedAt, actor, state: null };
}

/** Of what happened in another tenant no more is told than that it did. */
function foreignNode({ kind, name, ref, at }: Step): LineageNode {
  return { kind, name, id: readPlace(ref) === null ? ref : null, at, actor: null, state: null };
}

function unknownNode(id: string): LineageNode {
  return { kind: 'cause', name: null, id, at: null, actor: null, state: null };
}
