/** Point 5 of the oracle: effects happened once. */
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { TopicMessage } from '@daybook/kernel/process.ts';

type Observed = Readonly<{ observationId: string; requestId: string }>;

/** 5. Each requested page was recorded once, and the outside accepted each effect once. */
export function effectsHappenedOnce(
  events: readonly RecordedEvent[],
  requests: readonly TopicMessage[],
  outside: readonly string[],
): readonly string[] {
  const wrong: string[] = [];
  const recorded = new Map<string, number>();
  const observations = new Set<string>();
  for (const { type, data } of events) {
    if (type !== 'PriceObserved' && type !== 'CheckFailed') continue;
    const { observationId, requestId } = data as Observed;
    if (observations.has(observationId)) wrong.push(`observation ${observationId} is recorded twice`);
    observations.add(observationId);
    recorded.set(requestId, (recorded.get(requestId) ?? 0) + 1);
  }
  for (const requestId of new Set(requests.map(({ data }) => (data as Observed).requestId))) {
    const count = recorded.get(requestId) ?? 0;
    if (count !== 1) wrong.push(`request ${requestId} was recorded ${String(count)} times`);
  }
  const accepted = new Map<string, number>();
  for (const id of outside) accepted.set(id, (accepted.get(id) ?? 0) + 1);
  for (const [id, count] of accepted)
    if (count > 1) wrong.push(`effect ${id} was accepted ${String(count)} times`);
  return wrong;
}
