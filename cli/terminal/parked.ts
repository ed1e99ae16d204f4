/** What is parked, as lines of text. */
import type { Explanation } from '@daybook/infra/parking/explanation.ts';
import { mostCounted, type Parked } from '@daybook/infra/parking/parked.ts';
import type { Decided } from '@daybook/infra/parking/parked-decisions.ts';

/** One line: what, since when, whose, why, what waits behind it. */
export function parkedLine(parked: Parked): string {
  const { parkedId, status, firstFailedAt, consumer, tenantId, about, reason, attempts, waiting } = parked;
  return [
    parkedId,
    status,
    firstFailedAt,
    consumer,
    tenantId,
    about ?? '-',
    reason,
    `tried ${String(attempts)}`,
    waiting === null ? 'all later waits' : `${countOf(waiting)} wait`,
  ].join('  ');
}

/** All that is known of it, a line each, then what it means. */
export function parkedLines(parked: Parked, { cause, effect, todo }: Explanation): readonly string[] {
  const { waiting, error } = parked;
  const facts: readonly (readonly [string, string | null])[] = [
    ['parked', `${parked.parkedId} (${parked.status})`],
    ['by', parked.consumer],
    ['tenant', parked.tenantId],
    ['what', [parked.kind, parked.about].filter((part) => part !== null).join(' ')],
    ['event', parked.eventId],
    ['stands', placeOf(parked)],
    ['key', parked.key],
    ['failed', `${parked.firstFailedAt} first, ${parked.failedAt} last, tried ${String(parked.attempts)}`],
    ['waiting', waiting === null ? 'everything later' : countOf(waiting)],
    ['reason', `${parked.reason}: ${error}`],
    ['cause', cause],
    ['effect', effect],
    ['to do', todo],
  ];
  return facts.flatMap(([name, fact]) => (fact === null ? [] : [`${name.padEnd(8)} ${fact}`]));
}

function countOf(waiting: number): string {
  return waiting > mostCounted ? `more than ${String(mostCounted)}` : String(waiting);
}

function placeOf({ stream, revision, position, topic, partition, offset }: Parked): string | null {
  const inLog = stream === null ? [] : [`${stream}@${String(revision ?? '?')}`];
  const at = position === null ? [] : [`position ${position}`];
  const onTopic =
    topic === null || partition === null
      ? []
      : [`${topic}/${String(partition)}${offset === null ? '' : ` offset ${String(offset)}`}`];
  const places = [...inLog, ...at, ...onTopic];
  return places.length === 0 ? null : places.join(', ');
}

/** One line: what was decided, by whom, when and why. */
export function decidedLine(decided: Decided): string {
  const { parkedId, act, decidedAt, consumer, tenantId, about, actorKind, actorId, reason } = decided;
  return [
    parkedId,
    act,
    decidedAt,
    consumer,
    tenantId,
    about ?? '-',
    `by ${actorKind} ${actorId}`,
    ...(reason === null ? [] : [reason]),
  ].join('  ');
}
