import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { metricNames, metricsRegistry, type Behind } from '../telemetry/metrics.ts';
import { memoryTopics } from '../topics/memory-topics.ts';
import { batchHandler, InputRefused } from './batch-handler.ts';
import { behindOf, measureLag } from './consumer-lag.ts';

const topic = 'lagging';
/** By the broker's clock, which is another than the host's. */
let brokerMs = Date.parse('2026-01-01T00:00:00.000Z');
const brokerClock = { now: () => new Date(brokerMs).toISOString() };

let topics: Topics;
let stopping: AbortController;
let running: Promise<unknown>[];
beforeEach(async () => {
  metricsRegistry.resetMetrics();
  topics = memoryTopics({ clock: brokerClock });
  stopping = new AbortController();
  running = [];
  await topics.ensure(topic, { partitions: 2 });
});
afterEach(async () => {
  stopping.abort();
  await Promise.all(running);
  await topics.close();
});

async function figure(name: string): Promise<number | undefined> {
  const metric = await metricsRegistry.getSingleMetric(name)?.get();
  return metric?.values.find(({ labels }) => labels['topic'] === topic)?.value;
}

/** A consumer that refuses every message while `refuses` says so. */
function consume(group: string, refuses: () => boolean): void {
  const handler = batchHandler({
    what: 'test',
    log: silentLog,
    takeIn: (_, messages) =>
      refuses() && messages.length > 0 ? Promise.reject(new InputRefused('No.')) : Promise.resolve({}),
    forget: () => undefined,
  });
  running.push(topics.run(topic, group, handler, { signal: stopping.signal }));
}

function measure(group: string, of: Pick<Topics, 'lag'> = topics): Map<number, Behind> {
  const behind = new Map<number, Behind>();
  const record = (partition: number, how: Behind): void => void behind.set(partition, how);
  const { signal } = stopping;
  running.push(measureLag({ topics: of, topic, group, record, log: silentLog, signal, lagEveryMs: 5 }));
  return behind;
}

describe('measuring a consumer', () => {
  test('shows how far it is behind', async () => {
    await topics.publish(topic, [{ key: 'a', value: Buffer.from('1'), headers: {} }]);
    brokerMs += 3_600_000;
    const behind = measure('idle');
    await eventually(() =>
      expect([...behind.values()].toSorted((a, b) => a.messages - b.messages)).toEqual([
        { messages: 0, seconds: 0 },
        { messages: 1, seconds: 3_600 },
      ]),
    );
  });

  test('counts a dead letter once, also after it is handled', async () => {
    let refuses = true;
    consume('strict', () => refuses);
    await topics.publish(topic, [{ key: 'a', value: Buffer.from('1'), headers: {} }]);
    await eventually(async () => expect(await figure(metricNames.parked)).toBe(1));
    refuses = false;
    const [letter] = await topics.deadLetters(topic, 'strict');
    await topics.release(letter?.id ?? 0);
    await eventually(async () => expect(await topics.deadLetters(topic, 'strict')).toEqual([]));
    expect(await figure(metricNames.parked)).toBe(1);
  });

  test('a released message that is parked again is counted again', async () => {
    consume('strict', () => true);
    await topics.publish(topic, [{ key: 'a', value: Buffer.from('1'), headers: {} }]);
    await eventually(async () => expect(await figure(metricNames.parked)).toBe(1));
    const [letter] = await topics.deadLetters(topic, 'strict');
    await topics.release(letter?.id ?? 0);
    await eventually(async () => expect(await figure(metricNames.parked)).toBe(2));
  });

  test('goes on when the engine was away', async () => {
    let calls = 0;
    const behind = measure('idle', {
      lag: (...of) => ((calls += 1) === 1 ? Promise.reject(new Error('away')) : topics.lag(...of)),
    });
    await eventually(() => expect(behind.size).toBe(2));
  });

  test('over several partitions all that waits counts, and the longest wait', () => {
    const at = (next: number, end: number, waitingMs?: number) => ({
      partition: 0,
      next,
      end,
      ...(waitingMs === undefined ? {} : { waitingMs }),
    });
    expect(behindOf([])).toEqual({ messages: 0, seconds: 0 });
    expect(behindOf([at(3, 3), at(1, 5, 10_000), at(0, 1, 30_000)])).toEqual({ messages: 5, seconds: 30 });
  });
});
