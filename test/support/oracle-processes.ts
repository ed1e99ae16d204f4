/** Point 6 of the oracle: processes stand where the log puts them, and no timer is lost or fired in vain. */
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '@daybook/infra/database/database.ts';
import { isOnEvents } from '@daybook/infra/runtime/process-runner.ts';
import {
  instanceKey,
  routed,
  stepAll,
  type InstanceName,
  type NewEffect,
  type ProcessChanges,
} from '@daybook/infra/runtime/process-step.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { AnyProcess, TimerDue, TopicMessage } from '@daybook/kernel/process.ts';
import { allProcesses } from '@daybook/sagas/capabilities.ts';

/** What the topics of processes hold, beside the log. */
export type Messages = Readonly<{ byTopic: ReadonlyMap<string, readonly TopicMessage[]> }>;

type StoredInstance = InstanceName & Readonly<{ state: unknown }>;
type StoredTimer = InstanceName & Readonly<{ timer: string; setBy: string; lateMs: number }>;

/** A timer is fired within moments; one that has been due for so long is forgotten. */
const mostLateMs = 30_000;

/**
 * Takes the whole log, and what stands on other topics, through every process once more. What is stored has to be the
 * same: instances and their states, and for each instance the timers that wait. What a process asked to be published is
 * there.
 */
export async function processesFollowTheLog(
  database: Database,
  events: readonly RecordedEvent[],
  messages: Messages,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const process of allProcesses) {
    const inputs = isOnEvents(process) ? events : once(messages.byTopic.get(process.topic ?? '') ?? []);
    const expected = stepAll(process, routed(process, inputs), new Map(), new Date().toISOString());
    const { rows: instances } = await database.pool.query<StoredInstance>(instancesSql, [process.name]);
    const { rows: timers } = await database.pool.query<StoredTimer>(timersSql, [process.name]);
    wrong.push(
      ...statesAre(process, expected, instances),
      ...timersAre(process, expected, instances, timers, messages),
      ...arePublished(process, expected.effects, messages),
    );
  }
  return [...wrong, ...requestsAreAskedForOnce(messages), ...schedulesRunOnce(messages)];
}

const instancesSql = `
  select tenant_id as "tenantId", instance_id as "instanceId", state
  from runtime.process_instances where process = $1`;

const timersSql = `
  select tenant_id as "tenantId", instance_id as "instanceId", timer, metadata->>'causationId' as "setBy",
    (extract(epoch from clock_timestamp() - fire_at) * 1000)::float8 as "lateMs"
  from runtime.timers where process = $1`;

function once(messages: readonly TopicMessage[]): readonly TopicMessage[] {
  return [...new Map(messages.map((message) => [message.id, message])).values()];
}

function statesAre(
  { name }: AnyProcess,
  { states }: ProcessChanges,
  stored: readonly StoredInstance[],
): readonly string[] {
  const expected = new Map(states.map((one) => [instanceKey(one), one.state]));
  const present = new Map(stored.map((one) => [instanceKey(one), one.state]));
  const missing = states.filter((one) => !present.has(instanceKey(one)));
  const illegal = stored.filter(({ state, ...one }) => {
    const key = instanceKey(one);
    return expected.has(key) && !isDeepStrictEqual(JSON.parse(JSON.stringify(expected.get(key))), state);
  });
  return [
    ...missing.map(({ instanceId }) => `${name} lost its instance ${instanceId}`),
    ...stored
      .filter((one) => !expected.has(instanceKey(one)))
      .map(({ instanceId }) => `${name} has instance ${instanceId}, which the log has not`),
    ...illegal.map(({ instanceId }) => `${name} is in another state than the log says in ${instanceId}`),
  ];
}

function timersAre(
  process: AnyProcess,
  expected: ProcessChanges,
  instances: readonly StoredInstance[],
  stored: readonly StoredTimer[],
  messages: Messages,
): readonly string[] {
  const { name } = process;
  const nameOf = (one: InstanceName & { timer: string }): string => `${instanceKey(one)} ${one.timer}`;
  const present = new Map(stored.map((one) => [nameOf(one), one]));
  const due = new Map(expected.timers.map((one) => [nameOf(one), one]));
  const states = new Map(instances.map((one) => [instanceKey(one), { state: one.state }]));
  const lost = expected.timers.filter((one) => !present.has(nameOf(one)));
  return [
    ...lost.map(({ timer, instanceId }) => `${name} lost timer ${timer} of ${instanceId}`),
    ...stored.flatMap((one) => {
      const what = `timer ${one.timer} of ${one.instanceId}`;
      const set = due.get(nameOf(one));
      if (set === undefined) return [`${name} has ${what}, which the log has not`];
      if (one.lateMs > mostLateMs) return [`${name} did not fire ${what}`];
      if (set.metadata.causationId === one.setBy) return [];
      // Set by the timer before it, which therefore has fired: what that led to is there.
      const fired = stepAll(process, [firing(one)], states, new Date().toISOString());
      return arePublished(process, fired.effects, messages);
    }),
  ];
}

function firing({ tenantId, instanceId, timer, setBy }: StoredTimer) {
  const input: TimerDue = {
    type: 'TimerDue',
    id: setBy,
    data: { timer, dueAt: new Date().toISOString() },
    metadata: {
      schemaVersion: 1,
      tenantId,
      actor: { kind: 'process', id: 'oracle' },
      commandId: setBy,
      correlationId: setBy,
    },
    recordedAt: new Date().toISOString(),
  };
  return { input, tenantId, instanceId, to: 'continue' } as const;
}

function arePublished(
  { name }: AnyProcess,
  effects: readonly NewEffect[],
  { byTopic }: Messages,
): readonly string[] {
  return effects.flatMap(({ id, effect, instanceId }) => {
    if (effect.kind !== 'publish') return [];
    const there = byTopic.get(effect.topic)?.some((message) => message.id === id) ?? false;
    return there ? [] : [`${name} of ${instanceId} asked for ${effect.message.type} ${id}: not published`];
  });
}

/** A request for a page comes of one event or one timer: two messages of one request are two firings. */
function requestsAreAskedForOnce({ byTopic }: Messages): readonly string[] {
  const messageOf = new Map<string, string>();
  const wrong: string[] = [];
  for (const { type, id, data } of [...byTopic.values()].flat()) {
    if (type !== 'ScrapeRequested') continue;
    const { requestId } = data as { requestId: string };
    if ((messageOf.get(requestId) ?? id) !== id) wrong.push(`request ${requestId} was asked for twice`);
    messageOf.set(requestId, id);
  }
  return wrong;
}

/** Each time of a schedule asks once: two requests for a product by timers that were due at one moment are a doubled run. */
export function schedulesRunOnce({ byTopic }: Messages): readonly string[] {
  const requestAt = new Map<string, string>();
  const wrong: string[] = [];
  for (const { type, data, metadata } of [...byTopic.values()].flat()) {
    const last = metadata.steps?.at(-1);
    if (type !== 'ScrapeRequested' || last?.kind !== 'timer') continue;
    const { requestId, productId } = data as { requestId: string; productId: string };
    const run = `${productId} at ${last.at}`;
    if ((requestAt.get(run) ?? requestId) !== requestId) wrong.push(`the check of ${run} was run twice`);
    requestAt.set(run, requestId);
  }
  return wrong;
}
