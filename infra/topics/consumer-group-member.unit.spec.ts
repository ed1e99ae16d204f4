import { expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { done, type Batch, type Topics, type Verdict } from '@daybook/kernel/ports/topics.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { memoryWakeups } from '../database/wakeups.ts';
import type { GroupLedger } from './group-ledger.ts';
import { makeTopics } from './make-topics.ts';
import { memoryTopicEngine } from './memory-topics.ts';
import type { TopicEngine } from './topic-engine.ts';

const topic = 'mortal';
const group = 'group';
const pace = { leaseMs: 100, heartbeatMs: 20, idlePollMs: 20 };

type Call = Exclude<keyof GroupLedger, 'giveUp' | 'leave' | 'settleLetters' | 'defer'>;
type Side = 'before' | 'after';

/** A process that hears and says nothing any more from one call of its ledger on, until it is let go. */
function mortal(engine: TopicEngine, deadly: Call, side: Side) {
  let release: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (release = resolve));
  let dead = false;
  const silence = async (): Promise<void> => {
    if (dead) await end;
  };
  const ledger = async (...of: Parameters<TopicEngine['ledger']>): Promise<GroupLedger> => {
    const calls = Object.entries(await engine.ledger(...of)) as [
      string,
      (...args: unknown[]) => Promise<unknown>,
    ][];
    const mortals = calls.map(([name, call]) => [
      name,
      async (...args: unknown[]) => {
        if (name === deadly && side === 'before') dead = true;
        await silence();
        const answer = await call(...args);
        if (name === deadly) dead = true;
        await silence();
        return answer;
      },
    ]);
    return Object.fromEntries(mortals) as GroupLedger;
  };
  return { engine: { ...engine, ledger }, dead: () => dead, release };
}

const texts = ({ messages }: Batch): string[] => messages.map(({ value }) => String(value));

/** Takes everything in but `bad`, which it parks. */
function consume(topics: Topics) {
  const stopping = new AbortController();
  const taken: string[] = [];
  const handle = (batch: Batch): Promise<Verdict> => {
    const bad = texts(batch).indexOf('bad');
    taken.push(...texts(batch).slice(0, bad < 0 ? undefined : bad));
    return Promise.resolve(bad < 0 ? done : { do: 'park', index: bad, reason: 'bad' });
  };
  const run = topics.run(topic, group, handle, { signal: stopping.signal, maxBatch: 3 });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await run;
  };
  return { taken, stop };
}

test.each(
  (['sync', 'blockedKeys', 'fetch', 'commit', 'settle'] as const).flatMap((call) =>
    (['before', 'after'] as const).map((side) => [side, call] as const),
  ),
)('a death %s %s leaves everything that was not recorded to the next member', async (side, call) => {
  const engine = memoryTopicEngine();
  const open = (own: TopicEngine) => makeTopics(own, { wakeups: memoryWakeups(), log: silentLog, pace });
  const last = mortal(engine, call, side);
  const [dying, heirs] = [open(last.engine), open(engine)];
  await heirs.ensure(topic, { partitions: 2 });
  const sent = ['1', '2', '3', '4', 'bad', '5', '6', '7', '8'];
  await heirs.publish(
    topic,
    sent.map((text, index) => ({ key: `key-${String(index)}`, value: Buffer.from(text), headers: {} })),
  );
  const victim = consume(dying);
  await eventually(() => expect(last.dead()).toBe(true));
  const heir = consume(heirs);
  await eventually(async () => {
    const lags = await heirs.lag(topic, group);
    expect(lags.every(({ next, end }) => next === end)).toBe(true);
  });
  await heir.stop();
  expect([...new Set([...victim.taken, ...heir.taken])].sort()).toEqual(
    sent.filter((text) => text !== 'bad').sort(),
  );
  // Nobody takes anything in twice, but the batches in hand when the other died.
  expect(new Set(heir.taken).size).toBe(heir.taken.length);
  expect(await heirs.deadLetters(topic, group)).toMatchObject([{ reason: 'bad' }]);
  last.release();
  await victim.stop();
  await Promise.all([dying.close(), heirs.close()]);
});

test('an engine that is away when a member begins is waited for', async () => {
  const engine = memoryTopicEngine();
  let tries = 0;
  const away: TopicEngine = {
    ...engine,
    ledger: (...of) => {
      tries += 1;
      return tries < 3
        ? Promise.reject(new DaybookError('unavailable', 'Away.', { retry: 'later' }))
        : engine.ledger(...of);
    },
  };
  const topics = makeTopics(away, { wakeups: memoryWakeups(), log: silentLog, pace });
  await topics.ensure(topic, { partitions: 1 });
  await topics.publish(topic, [{ key: 'key', value: Buffer.from('1'), headers: {} }]);
  const consumer = consume(topics);
  await eventually(() => expect(consumer.taken).toEqual(['1']));
  expect(tries).toBe(3);
  await consumer.stop();
  await topics.close();
});
