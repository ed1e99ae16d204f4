/**
 * Publishes a part of the log once more, for a topic that lost messages. Order of execution, and what a death after each
 * step means (in brackets the test that dies there):
 *
 * 1. Take the lead from the relay: its epoch is over, and it stands by until step 5. Dying: the lease runs out, and a
 *    relay goes on where the former one was; nothing is mended, the command is given again
 *    [republish.int.spec.ts "a death after relay.seized leaves the relay to go on"].
 * 2. Take the groups off a topic that is gone or another one than before, until 4: what comes to stand at their places in
 *    3 is not what they lack. Wait until what the former leader may have under way has come or never will, and every
 *    consumer has heard of it; make the topic where it is gone. Dying: the groups stand still, as they did; the
 *    command is given again.
 * 3. Publish the events in order, as the relay encodes them. Dying: some of them are there twice, which consumers pass over by
 *    their positions; the command is given again
 *    [republish.int.spec.ts "a death after topics.published leaves the relay to go on"].
 * 4. Send groups whose places are lost on to where step 3 began: they find there everything that they lack, in order.
 *    Where something else came between, 3 is done once more behind it.
 * 5. Hand the lead back, at the checkpoint that it had.
 */
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { rest } from '../runtime/loop.ts';
import { partitionOf } from '../topics/partitioner.ts';
import type { NewPlaces, TopicLoss, TopicUpkeep } from '../topics/topic-upkeep.ts';
import { givenUp, relayChannel, type GivenUp } from './relay-block.ts';
import { relayLead, type RelayLead } from './relay-lead.ts';

export type RepublishOptions = Readonly<{
  /** The log as it is stored: it may hold events that were given up since nobody can read them. */
  stored: Pick<EventStore, 'readAll' | 'at'>;
  /** Takes events as they are stored. */
  codec: Pick<MessageCodec, 'encodeEvent' | 'encodeEvents'>;
  database: Database;
  upkeep: TopicUpkeep;
  wakeups: Wakeups;
  topic: Readonly<{ name: string; partitions: number; retentionMs?: number }>;
  /** Of the first event. */
  from: Position;
  /** Of the last event. Default, and most: the relay's checkpoint. */
  to?: Position;
  /** What is lost of the topic. Default: nothing. */
  loss?: TopicLoss | null;
  signal: AbortSignal;
  pageSize?: number;
  /** Nobody else leads for so long after a sign of life of the command. Default 15 000. */
  leaseMs?: number;
  onProgress?: (events: number, upTo: Position) => void;
  /** Consumers renew their leases within so long, in milliseconds, or take nothing more. Default 5 000, as theirs. */
  consumerLeaseMs?: number;
}>;

const mostRounds = 3;

/**
 * Answers with how many events were published.
 * @throws `maintenance-refused` where the lead is taken from it, or another producer keeps on writing · `aborted` · `unavailable`
 */
export async function republish(options: RepublishOptions): Promise<number> {
  const { database, upkeep, topic, wakeups, loss = null, leaseMs = 15_000 } = options;
  const lead = relayLead(database, { leaseMs });
  const seized = await lead.seize();
  if (seized === null) return 0;
  const { epoch, position, formerMs } = seized;
  await failpoint('relay.seized');
  try {
    await quieten(options, formerMs);
    await upkeep.remake(topic.name, settingsOf(topic));
    const leading: Leading = {
      ...{ lead, epoch, checkpoint: position },
      passedOver: new Set(),
    };
    for (let round = 1; ; round += 1) {
      const before = await placesOf(upkeep, topic.name);
      const sent = await publishAll(options, leading);
      if (loss === null) return sent.events;
      if (isAlone(before, sent.perPartition, await placesOf(upkeep, topic.name))) {
        await upkeep.mend(loss, before);
        return sent.events;
      }
      if (round === mostRounds) throw another();
    }
  } finally {
    await lead.resign(epoch).catch(() => undefined);
    wakeups.notify(relayChannel);
  }
}

/** Until nobody publishes to the topic nor takes from it but this command. */
async function quieten(options: RepublishOptions, formerMs: number): Promise<void> {
  const { upkeep, loss = null, consumerLeaseMs = 5_000, signal } = options;
  const isWhole = loss === null || loss.whole === null;
  if (!isWhole) await upkeep.hold(loss);
  if (!upkeep.relayInOneStep) await rest(isWhole ? formerMs : Math.max(formerMs, consumerLeaseMs), signal);
}

const settingsOf = ({ partitions, retentionMs }: RepublishOptions['topic']) => ({
  partitions,
  ...(retentionMs === undefined ? {} : { retentionMs }),
});

async function placesOf(upkeep: TopicUpkeep, topic: string): Promise<NewPlaces> {
  const spans = (await upkeep.spans(topic)) ?? [];
  return new Map(spans.map(({ partition, high }) => [partition, high]));
}

/** Whether nothing but these messages came into the topic meanwhile. */
function isAlone(before: NewPlaces, sent: ReadonlyMap<number, number>, after: NewPlaces): boolean {
  return [...after].every(
    ([partition, end]) => end === (before.get(partition) ?? 0) + (sent.get(partition) ?? 0),
  );
}

type Sent = Readonly<{ events: number; perPartition: ReadonlyMap<number, number> }>;
type Leading = Readonly<{
  lead: RelayLead;
  epoch: number;
  checkpoint: Position;
  /** Ids of events that cannot be published, and were given up. */
  passedOver: Set<string>;
}>;

async function publishAll(options: RepublishOptions, leading: Leading): Promise<Sent> {
  const { topic, signal, onProgress } = options;
  const { lead, epoch, checkpoint, passedOver } = leading;
  const isGivenUp = givenUp(options.stored);
  const to = options.to !== undefined && options.to < checkpoint ? options.to : checkpoint;
  const perPartition = new Map<number, number>();
  let events = 0;
  for await (const page of eventsOf(options, to)) {
    if (signal.aborted) throw new DaybookError('aborted', 'The command was stopped. Give it again.');
    if (!(await lead.keep(epoch))) throw another();
    const messages = await publishPage(page, options, { isGivenUp, passedOver });
    for (const { key } of messages) {
      const partition = partitionOf(key, topic.partitions);
      perPartition.set(partition, (perPartition.get(partition) ?? 0) + 1);
    }
    events += messages.length;
    onProgress?.(events, page.at(-1)?.position ?? to);
  }
  if (!(await lead.keep(epoch))) throw another();
  return { events, perPartition };
}

function another(): DaybookError {
  return new DaybookError(
    'maintenance-refused',
    'Somebody else publishes to the topic at the same time: another "daybook republish", or a producer that is not Daybook’s. Nothing is mended; give the command again.',
  );
}

/** Pages of the log from the first event asked for up to the last. */
async function* eventsOf(
  { stored, from, pageSize = 500 }: RepublishOptions,
  to: Position,
): AsyncGenerator<readonly RecordedEvent[]> {
  const first = from > to ? undefined : await stored.at(from);
  if (first !== undefined) yield [first];
  for await (const page of stored.readAll({ after: from, pageSize })) {
    const wanted = page.filter(({ position }) => position <= to);
    if (wanted.length > 0) yield wanted;
    if (wanted.length < page.length) return;
  }
}

/** As the relay publishes them. What cannot be published, and was given up, is passed over as it was by the relay. */
async function publishPage(
  page: readonly RecordedEvent[],
  { codec, upkeep, topic }: Pick<RepublishOptions, 'codec' | 'upkeep' | 'topic'>,
  { isGivenUp, passedOver }: Readonly<{ isGivenUp: GivenUp; passedOver: Set<string> }>,
): Promise<readonly OutMessage[]> {
  const wanted = page.filter(({ id }) => !passedOver.has(id));
  try {
    const messages = await codec.encodeEvents(wanted);
    await upkeep.publish(topic.name, messages);
    return messages;
  } catch (error) {
    if (isDaybookError(error) && error.retry !== 'never') throw error;
    const before = passedOver.size;
    for (const event of wanted) if (await isGivenUp(event)) passedOver.add(event.id);
    if (passedOver.size === before) throw error;
  }
  return publishPage(page, { codec, upkeep, topic }, { isGivenUp, passedOver });
}
