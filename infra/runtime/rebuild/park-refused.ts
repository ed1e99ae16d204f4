import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import type { MessageCodec } from '../../registry/codec.ts';
import { lockCheckpoints, type Consumer } from '../checkpoints.ts';
import type { Database } from '../../database/database.ts';
import { failpoint } from '../../failpoints/failpoint.ts';
import type { Refusals } from './fold-target.ts';

/** What folded the log: a build of a read model, or a process. */
export type FoldedConsumer = Readonly<{
  consumer: Consumer;
  projection: Readonly<{ handles: ReadonlySet<string> }>;
}>;

export type ParkRefusedOptions = Readonly<{
  build: FoldedConsumer;
  /** The topic that the build's group follows. */
  topic: string;
  topics: Pick<Topics, 'setAside' | 'deadLetters' | 'lag' | 'release'>;
  eventStore: EventStore;
  codec: Pick<MessageCodec, 'encodeEvents'>;
  refusals: Refusals;
  signal: AbortSignal;
}>;

/** Messages set aside by one call, and letters looked at in one go. */
const together = 200;

/**
 * Sets aside, for the build's group, the events that a fold of the log could not take in, and what follows them for their
 * tenants: the topic may not bring them again. It comes before the group's first member, which then knows that the
 * tenants' messages wait. What was set aside already is passed over.
 * @throws `unavailable`
 */
export async function parkRefused(options: ParkRefusedOptions): Promise<void> {
  const { build, topic, topics, eventStore, codec, refusals, signal } = options;
  if (refusals.size === 0) return;
  const after = [...refusals.values()].map(({ heldAt }) => heldAt).reduce((a, b) => (b < a ? b : a));
  let aside: RecordedEvent[] = [];
  const send = async (): Promise<void> => {
    const messages = await codec.encodeEvents(aside);
    const letters = messages.map((message, index) => {
      const { id = '', metadata } = aside[index] ?? {};
      const reason = refusals.get(metadata?.tenantId ?? '')?.reason ?? '';
      return { ...message, id, reason };
    });
    aside = [];
    await topics.setAside(topic, build.consumer.group, letters);
  };
  await failpoint('fold.parking');
  for await (const page of eventStore.readAll({ after })) {
    if (signal.aborted) return;
    aside.push(...page.filter((event) => isWaiting(event, build, refusals)));
    if (aside.length >= together) await send();
  }
  if (aside.length > 0) await send();
  await failpoint('fold.parked');
}

function isWaiting(
  { type, position, metadata }: RecordedEvent,
  { projection }: FoldedConsumer,
  refusals: Refusals,
): boolean {
  const heldAt: Position | undefined = refusals.get(metadata.tenantId)?.heldAt;
  return heldAt !== undefined && position > heldAt && projection.handles.has(type);
}

/**
 * Hands back what is parked of tenants that are held back no more, since the log had all of it: the projector passes over
 * it, and the tenants' later messages no longer wait behind it.
 * @throws `unavailable`
 */
export async function releaseTakenIn(
  database: Database,
  { build, topic, topics }: Pick<ParkRefusedOptions, 'build' | 'topic' | 'topics'>,
): Promise<void> {
  const { group } = build.consumer;
  const lags = await topics.lag(topic, group);
  if (lags.every(({ oldestParkedAt }) => oldestParkedAt === undefined)) return;
  const checkpoints = await database.transaction((client) => lockCheckpoints(client, build.consumer));
  const held = new Set(checkpoints.flatMap(({ holds }) => [...holds.keys()]));
  for (let after = 0; ;) {
    const letters = await topics.deadLetters(topic, group, { parkedOnly: true, after, most: together });
    for (const { id, message } of letters) if (!held.has(message.key)) await topics.release(id);
    const last = letters.at(-1);
    if (last === undefined || letters.length < together) return;
    after = last.id;
  }
}
