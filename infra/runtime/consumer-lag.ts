import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { GroupLag, Topics } from '@daybook/kernel/ports/topics.ts';
import type { Behind } from '../telemetry/metrics.ts';
import { reasonOf, rest } from './loop.ts';

export type MeasureLagOptions = Readonly<{
  topics: Pick<Topics, 'lag'>;
  topic: string;
  group: string;
  /** Called with how far a partition is behind. */
  record: (partition: number, behind: Behind) => void;
  log: Log;
  signal: AbortSignal;
  /** How often the lag is measured, in milliseconds. Default 10 000. */
  lagEveryMs?: number;
}>;

/** Shows in the metrics how far a group is behind, until `signal` aborts. */
export async function measureLag(options: MeasureLagOptions): Promise<void> {
  const { topics, topic, group, record, log, signal, lagEveryMs = 10_000 } = options;
  while (!signal.aborted) {
    try {
      const lags = await topics.lag(topic, group);
      for (const lag of lags) record(lag.partition, behindOf([lag]));
    } catch (error) {
      log.debug('The lag of a consumer cannot be measured for now.', { topic, group, ...reasonOf(error) });
    }
    await rest(lagEveryMs, signal);
  }
}

/** How far a group is behind over some partitions: all messages together, and the longest wait. */
export function behindOf(lags: readonly GroupLag[]): Behind {
  return lags.reduce<Behind>(
    ({ messages, seconds }, { next, end, waitingMs }) => ({
      messages: messages + (end - next),
      seconds: Math.max(seconds, (waitingMs ?? 0) / 1_000),
    }),
    { messages: 0, seconds: 0 },
  );
}
