import { currentEvent } from '@daybook/infra/event-store/contract-store.ts';
import { makeMessageCodec } from '@daybook/infra/registry/codec.ts';
import { openRegistry } from '@daybook/infra/registry/open-registry.ts';
import { compareTopic, type TopicComparison } from '@daybook/infra/relay/compare-topic.ts';
import { relayLag } from '@daybook/infra/relay/relay-lag.ts';
import { republish } from '@daybook/infra/relay/republish.ts';
import { openTopics, openTopicUpkeep } from '@daybook/infra/topics/open-topics.ts';
import { leastPositionOf, type TopicLoss, type TopicUpkeep } from '@daybook/infra/topics/topic-upkeep.ts';
import type { Position } from '@daybook/kernel/event.ts';
import { eventsTopic, topicContracts, type TopicContract } from '@daybook/schemas/topics.ts';
import type { FolderOptions, RepublishOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { stopSignals } from '../signals.ts';
import { withStoredLog, type StoredLog } from '../stored-log.ts';
import { writeLines } from '../terminal/printable.ts';

const print = (...lines: readonly string[]): void => {
  writeLines(lines);
};

/** Compares the events topic with the log, and says what of the topics is lost. */
export async function verifyTopics(options: FolderOptions): Promise<ExitCode> {
  return withTopics(options, 'verify', async (work) => {
    const [comparison, losses] = [await compare(work), await lossesOf(work)];
    const lines = comparisonLines(comparison);
    print(...lines, ...losses.flatMap(lossLines));
    if (comparison.missing === 0 && losses.length === 0) return exitCodes.ok;
    print('"daybook republish" mends it: it publishes what is missing once more, from the first of it on.');
    return exitCodes.failed;
  });
}

/** Publishes events once more, and mends the topics that lost messages. */
export async function republishEvents(options: RepublishOptions): Promise<ExitCode> {
  const signals = stopSignals();
  try {
    return await withTopics(options, 'republish', async (work) => {
      for (const option of ['from', 'to'] as const) {
        const position = options[option];
        if (position === undefined || (await work.stored.at(position as Position).catch(() => undefined)))
          continue;
        writeLines(
          [`The log has no event at --${option} ${position}. "daybook log" prints positions.`],
          process.stderr,
        );
        return exitCodes.usage;
      }
      const losses = await lossesOf(work);
      await publishAgain(
        work,
        options,
        losses.find(({ topic }) => topic === eventsTopic) ?? null,
        signals.signal,
      );
      for (const loss of losses) if (loss.topic !== eventsTopic) await giveUp(work, loss);
      return exitCodes.ok;
    });
  } finally {
    signals.release();
  }
}

type Work = StoredLog & Readonly<{ upkeep: TopicUpkeep; codec: ReturnType<typeof makeMessageCodec> }>;

async function withTopics<T>(
  options: FolderOptions,
  name: string,
  work: (opened: Work) => Promise<T>,
): Promise<T> {
  return withStoredLog(options, name, async (stored) => {
    const { config, database, wakeups, log } = stored;
    const engine = { settings: config.kafka, name: `daybook ${name}`, database, wakeups, log };
    const { topics, confirm } = await openTopics(engine);
    const upkeep = await openTopicUpkeep({ ...engine, topics });
    try {
      await confirm();
      const codec = makeMessageCodec({ registry: await openRegistry(config.registry, database) });
      return await work({ ...stored, upkeep, codec });
    } finally {
      await upkeep.close();
      await topics.close();
    }
  });
}

async function compare({ stored, database, codec, upkeep }: Work): Promise<TopicComparison> {
  const { position: upTo } = await relayLag({ database, eventStore: stored, countUpTo: 1 });
  const { retentionMs } = contractOf(eventsTopic);
  const kept = retentionMs === undefined ? {} : { retentionMs };
  return compareTopic({ stored, codec, upkeep, topic: eventsTopic, upTo, ...kept });
}

async function lossesOf({ upkeep }: Work): Promise<readonly TopicLoss[]> {
  const losses: TopicLoss[] = [];
  for (const { name } of topicContracts) {
    const loss = await upkeep.lossOf(name);
    if (loss !== null) losses.push(loss);
  }
  return losses;
}

function contractOf(topic: string): TopicContract {
  const contract = topicContracts.find(({ name }) => name === topic);
  if (contract === undefined) throw new Error(`The contracts name no topic ${topic}.`);
  return contract;
}

/** From what is asked for, what is missing, and what groups lack that are sent on. */
async function publishAgain(
  work: Work,
  options: RepublishOptions,
  loss: TopicLoss | null,
  signal: AbortSignal,
): Promise<void> {
  const { firstMissing } = options.from === undefined ? await compare(work) : { firstMissing: options.from };
  const lacked = loss === null ? null : await leastPositionOf(work.database, loss.places);
  const [first] = [firstMissing, lacked].filter((position) => position !== null).toSorted();
  if (first === undefined && loss === null) {
    print('Nothing is missing on the topics. There is nothing to mend.');
    return;
  }
  const from = (first ?? (await work.stored.head())) as Position;
  const { stored, codec, database, upkeep, wakeups } = work;
  const sent = await republish({
    ...{ stored, codec: ofCurrent(codec), database, upkeep, wakeups, loss, from, signal },
    topic: contractOf(eventsTopic),
    ...(options.to === undefined ? {} : { to: options.to as Position }),
  });
  print(
    `${sent.toLocaleString('en')} events from position ${from} on were published once more; consumers pass over what they have.`,
    ...(loss === null ? [] : [`${eventsTopic} is mended: ${goOn(loss, 'where that begins')}`]),
  );
}

/** Takes events as they are stored, and writes them as the relay does. */
function ofCurrent(codec: Work['codec']): Pick<Work['codec'], 'encodeEvent' | 'encodeEvents'> {
  return {
    encodeEvent: async (event) => codec.encodeEvent(currentEvent(event)),
    encodeEvents: async (events) => codec.encodeEvents(events.map(currentEvent)),
  };
}

/** The log holds nothing of other topics: their groups go on with what is there. */
async function giveUp({ upkeep }: Work, loss: TopicLoss): Promise<void> {
  const { partitions, retentionMs } = contractOf(loss.topic);
  await upkeep.remake(loss.topic, { partitions, ...(retentionMs === undefined ? {} : { retentionMs }) });
  const spans = (await upkeep.spans(loss.topic)) ?? [];
  await upkeep.mend(loss, new Map(spans.map(({ partition, low }) => [partition, low])));
  print(
    `${loss.topic}: ${goOn(loss, 'with what is there')} What it lost is not in the log: products whose check was lost are checked again at their next time.`,
  );
}

function goOn({ places }: TopicLoss, where: string): string {
  const groups = [...new Set(places.map(({ group }) => group))];
  return groups.length === 0 ? 'nobody had a place in what it lost.' : `${groups.join(', ')} go on ${where}.`;
}

function comparisonLines(comparison: TopicComparison): readonly string[] {
  const { upTo, events, messages, missing, firstMissing, lastMissing } = comparison;
  const count = (name: keyof TopicComparison, says: string): readonly string[] =>
    comparison[name] === 0 ? [] : [`  ${comparison[name]?.toLocaleString('en') ?? ''} ${says}`];
  return [
    `${eventsTopic}: ${events.toLocaleString('en')} events in the log up to the relay's position ${upTo}, ${messages.toLocaleString('en')} messages.`,
    ...(missing === 0
      ? ['  Nothing is missing.']
      : [
          `  ${missing.toLocaleString('en')} events are missing, from position ${String(firstMissing)} to ${String(lastMissing)}.`,
        ]),
    ...count('expired', 'events are older than messages are kept.'),
    ...count('givenUp', 'events were given up, and were never published.'),
    ...count('doubled', 'messages are repeats, which consumers pass over.'),
    ...count(
      'disordered',
      'events stand behind a later one of their key: who took that in first has passed over them ("daybook rebuild").',
    ),
    ...count('foreign', 'messages are of events that the log has not: somebody else writes to the topic.'),
    ...count('undecodable', 'messages cannot be read by anybody.'),
  ];
}

function lossLines({ topic, whole, places }: TopicLoss): readonly string[] {
  const groups = [...new Set(places.map(({ group }) => group))].join(', ');
  const says = { gone: 'is not there any more', shorter: 'ends before what was published to it' };
  return [
    whole === null
      ? `${topic}: messages were removed that a group has not taken in.`
      : `${topic} ${says[whole]}.`,
    ...(groups === '' ? [] : [`  These groups stand still: ${groups}.`]),
  ];
}
