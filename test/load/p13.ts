import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { lacking } from '../engines/fetch.ts';
import { rdkafkaLacks } from '../engines/rdkafka.ts';
import type { Bar } from './bar.ts';
import { startBenchEngines } from './bench-engines.ts';
import type { Contest } from './measure.ts';
import { openRelayRace, total, type RelayRace } from './relay-race.ts';
import { openVisibleChain, perSecond, type VisibleChain } from './visible-chain.ts';

/** Events on the way from append to reader at a time, where the rate of the whole way is looked for. */
const underWay = 2_000;

export const bar: Bar = {
  name: 'p13',
  title: `The relay to Kafka, ${String(total)} events that wait: Avro, acks=all, a schema registry.`,
  lacking,
  prepare: async (bench) => {
    const engines = await startBenchEngines();
    const database = await bench.database();
    const race = await openRelayRace(database, engines.broker, engines.registryUrl);
    const raw = fork(
      join(import.meta.dirname, 'p13-raw.ts'),
      [database.url, engines.registryUrl, engines.broker],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    await once(raw, 'message');
    // Opened by the first contest that wants it: its processes look for news all the while.
    let opened: Promise<VisibleChain> | undefined;
    const chain = (): Promise<VisibleChain> => (opened ??= openVisibleChain(bench, 'none', { engines }));
    return {
      contests: [
        {
          subject: {
            name: 'relay: read, encode, publish, checkpoint',
            unit: 'events/s',
            run: () => race.run(),
          },
          anchor: {
            name: 'kafkajs 2.2 idempotent producer, the same bytes in the same batches, made beforehand',
            unit: 'events/s',
            run: async () => {
              const topic = await race.topic();
              raw.send(topic);
              const [tookMs] = (await once(raw, 'message')) as [number];
              await race.judge(topic);
              return { figure: total / (tookMs / 1_000) };
            },
          },
          gate: 0.5,
          goal: 0.7,
        },
        {
          subject: {
            name: `append to read model over Kafka: 99th percentile at ${String(perSecond)} events/s (P11)`,
            unit: 'ms',
            run: async () => (await chain()).run(),
          },
          better: 'lower' as const,
        },
        {
          subject: {
            name: `append to read model over Kafka, ${String(underWay)} events under way`,
            unit: 'events/s',
            run: async () => (await chain()).sustained(underWay),
          },
        },
        ...ofDrivers(race, bench.print),
      ],
      close: async () => {
        await (await opened)?.close();
        const exit = once(raw, 'exit');
        raw.send(null as never);
        await exit;
        await race.close();
        await engines.close();
      },
    };
  },
};

/** What the native client is worth, where it is installed. */
function ofDrivers(race: RelayRace, print: (line: string) => void): readonly Contest[] {
  const lacks = rdkafkaLacks();
  if (lacks !== null) {
    print(`Without the drivers of Kafka side by side. ${lacks}`);
    return [];
  }
  return [
    {
      subject: { name: 'relay by rdkafka', unit: 'events/s', run: () => race.run('rdkafka') },
      anchor: { name: 'relay by kafkajs', unit: 'events/s', run: () => race.run('kafkajs') },
    },
  ];
}
