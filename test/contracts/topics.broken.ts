import { memoryWakeups } from '@daybook/infra/database/wakeups.ts';
import { memoryTopicEngine } from '@daybook/infra/topics/memory-topics.ts';
import type { GroupLedger } from '@daybook/infra/topics/group-ledger.ts';
import type { TopicEngine } from '@daybook/infra/topics/topic-engine.ts';
import { done, type OutMessage, type Topics, type Verdict } from '@daybook/kernel/ports/topics.ts';
import type { Broken } from './contract.ts';
import type { Fault, Held } from './topics.fault.ts';
import { parkingFaults, publishAndGroupFaults } from './topics-more.broken.ts';
import { processesOver } from './topics-processes.ts';
import type { TopicsSubject } from './topics.subject.ts';

/** Topics whose members' verdicts pass through `bend`. */
const bendVerdicts =
  (bend: (verdict: () => Promise<Verdict>) => Promise<Verdict>) =>
  (topics: Topics): Partial<Topics> => ({
    run: (topic, group, handler, options) =>
      topics.run(topic, group, (batch) => bend(() => handler(batch)), options),
  });

const faults: readonly Fault[] = [
  {
    name: 'acks before handling',
    clause: 'counts-nothing-before-the-verdict',
    port: bendVerdicts((verdict) => {
      void verdict().catch(() => undefined);
      return Promise.resolve(done);
    }),
  },
  {
    name: 'drops on throw',
    clause: 'retries-what-throws',
    port: bendVerdicts((verdict) => verdict().catch(() => done)),
  },
  {
    name: 'takes retry for done',
    clause: 'retries',
    port: bendVerdicts(async (verdict) => {
      const said = await verdict();
      return said.do === 'retry' ? done : said;
    }),
  },
  {
    name: 'retries at once',
    clause: 'retries',
    port: bendVerdicts(async (verdict) => {
      const said = await verdict();
      return said.do === 'retry' ? { ...said, afterMs: 0 } : said;
    }),
  },
  {
    name: 'counts a pause as a try',
    clause: 'pauses',
    port: bendVerdicts(async (verdict) => {
      const said = await verdict();
      return said.do === 'pause' ? { do: 'retry', afterMs: said.forMs, reason: said.reason } : said;
    }),
  },
  {
    name: 'pauses for no time',
    clause: 'pauses',
    port: bendVerdicts(async (verdict) => {
      const said = await verdict();
      return said.do === 'pause' ? { ...said, forMs: 0 } : said;
    }),
  },
  {
    name: 'reorders',
    clause: 'keeps-order-per-key',
    engine: (engine) => ({ publish: (topic, messages) => engine.publish(topic, [...messages].reverse()) }),
  },
  {
    name: 'spreads a key over partitions',
    clause: 'delivers-what-was-published',
    engine: (engine) => ({
      publish: (topic, messages) =>
        engine.publish(
          topic,
          messages.map((message, n) => ({ ...message, key: `${message.key}${String(n)}` })),
        ),
    }),
  },
  {
    name: 'places keys its own way',
    clause: 'places-keys-as-kafka-does',
    port: () => ({ partitionFor: (_, key) => Promise.resolve(key.length % 4) }),
  },
  {
    name: 'agrees to any number of partitions',
    clause: 'confirms-a-topic',
    port: (topics) => ({
      ensure: (topic, settings) => topics.ensure(topic, settings).catch(() => undefined),
    }),
  },
  {
    name: 'loses what is published while others publish',
    clause: 'misses-no-late-commit',
    engine: (engine) => {
      let underWay = 0;
      return {
        publish: async (topic: string, messages: readonly OutMessage[]) => {
          underWay += 1;
          await new Promise((turn) => setImmediate(turn));
          if (underWay < 3) await engine.publish(topic, messages);
          underWay -= 1;
        },
      };
    },
  },
  {
    name: 'ignores the size of batches',
    clause: 'batches-one-partition',
    port: (topics) => ({
      run: (topic, group, handler, { signal }) => topics.run(topic, group, handler, { signal }),
    }),
  },
  {
    name: "forgets the group's place",
    clause: 'remembers-the-place',
    ledger: (ledger) => ({
      sync: async (first) => {
        const membership = await ledger.sync(first);
        return { ...membership, held: membership.held.map((held) => ({ ...held, next: 0 })) };
      },
    }),
  },
  {
    name: 'forgets attempts',
    clause: 'remembers-attempts',
    ledger: (ledger) => ({ defer: (deferral) => ledger.defer({ ...deferral, attempts: 0 }) }),
  },
  {
    name: 'two members get one partition',
    clause: 'shares-partitions',
    ledger: (ledger, partitions) => ({
      sync: async (first) => {
        const { held } = await ledger.sync(first);
        const all = Array.from({ length: partitions }, (_, partition) => ({
          ...{ partition, epoch: 0, next: 0, attempts: 0, triedTo: 0, waitMs: 0 },
          ...held.find((one) => one.partition === partition),
        }));
        return { held: all, share: partitions };
      },
      commit: async (moves) => {
        await ledger.commit(moves);
        return new Set(moves.map(({ partition }) => partition));
      },
    }),
  },
  {
    name: 'keeps what a member that left held',
    clause: 'hands-over-on-leaving',
    ledger: (ledger) => ({
      leave: () => Promise.resolve(),
      sync: async (first) => (first ? ledger.sync(first) : { held: [], share: 0 }),
    }),
  },
  {
    name: 'waits for the dead',
    clause: 'takes-over-from-the-dead',
    engine: (engine) => ({
      ledger: (topic, group, member) => engine.ledger(topic, group, { ...member, leaseMs: 1_000_000 }),
    }),
  },
  {
    name: 'does not fence',
    clause: 'fences-the-stale',
    engine: (engine) => {
      const latest = new Map<string, GroupLedger>();
      return {
        // Whoever records does so with the newest claim.
        ledger: async (topic: string, group: string, member: Parameters<TopicEngine['ledger']>[2]) => {
          const own = await engine.ledger(topic, group, member);
          latest.set(group, own);
          return {
            ...own,
            settle: async (settlement) => {
              const newest = latest.get(group) ?? own;
              const { held } = await newest.sync(false);
              const claim = held.find(({ partition }) => partition === settlement.partition);
              return newest.settle({ ...settlement, epoch: claim?.epoch ?? settlement.epoch });
            },
          } satisfies GroupLedger;
        },
      };
    },
  },
  {
    name: 'parks without what follows',
    clause: 'parks-what-follows',
    ledger: (ledger) => ({ settle: (settlement) => ledger.settle({ ...settlement, waiting: [] }) }),
  },
  {
    name: 'forgets which keys are blocked',
    clause: 'remembers-what-waits',
    ledger: () => ({ blockedKeys: () => Promise.resolve([]) }),
  },
  {
    name: 'parks without a reason',
    clause: 'parks',
    ledger: (ledger) => ({
      settle: ({ parked, ...settlement }) =>
        ledger.settle({
          ...settlement,
          ...(parked === undefined ? {} : { parked: { ...parked, reason: '' } }),
        }),
    }),
  },
  {
    name: 'releases the letter alone',
    clause: 'releases-in-order',
    ledger: (ledger) => ({
      fetch: async (...args) =>
        (await ledger.fetch(...args)).map((fetched) => ({
          ...fetched,
          letters: fetched.letters.slice(0, 1),
        })),
      settleLetters: async (settlement) => {
        await ledger.settleLetters(settlement);
        return settlement.keys;
      },
    }),
  },
  {
    name: 'releases in reverse',
    clause: 'releases-in-order',
    ledger: (ledger) => ({
      fetch: async (...args) =>
        (await ledger.fetch(...args)).map((fetched) => ({
          ...fetched,
          letters: [...fetched.letters].reverse(),
        })),
    }),
  },
  {
    name: 'takes a skip for a release',
    clause: 'skips-in-order',
    port: (topics) => ({ skip: (id) => topics.release(id) }),
  },
  {
    name: 'skips whatever letter it is told',
    clause: 'skips-only-what-is-parked',
    port: (topics) => ({
      skip: async (id) => {
        const [first] = await topics.deadLetters('daybook.things.v1');
        await topics.skip(first?.id ?? id);
      },
    }),
  },
  {
    name: 'skips without letting go what waits',
    clause: 'skips-in-order',
    port: () => ({ skip: () => Promise.resolve() }),
  },
  {
    name: 'sets aside behind what the topic brings',
    clause: 'sets-aside-before-the-topic',
    engine: (engine) => ({ setAside: (topic, _group, messages) => engine.publish(topic, messages) }),
  },
  {
    name: 'lets every key go when one is released',
    clause: 'keeps-order-whatever-is-parked',
    port: (topics) => ({
      release: async () => {
        for (const { id } of await topics.deadLetters('daybook.things.v1')) await topics.skip(id);
      },
    }),
  },
  {
    name: 'lets the first window go and forgets the rest',
    clause: 'releases-much-in-order',
    ledger: (ledger) => ({
      settleLetters: async (settlement) => ledger.settleLetters({ ...settlement, keys: [] }),
    }),
  },
];

/** Topics that are each broken in one way, over the memory adapter. */
export const brokenTopics: readonly Broken<TopicsSubject>[] = [
  ...faults,
  ...publishAndGroupFaults,
  ...parkingFaults,
].map(({ name, clause, port, engine: bendEngine, ledger: bendLedger }) => ({
  name,
  clause,
  make: () => {
    const whole = memoryTopicEngine();
    const held: Held = { where: null, afterwards: [] };
    const bent: TopicEngine = { ...whole, ...bendEngine?.(whole, held) };
    const engine: TopicEngine = {
      ...bent,
      ledger: async (topic, group, member) => {
        const ledger = await bent.ledger(topic, group, member);
        return { ...ledger, ...bendLedger?.(ledger, await bent.partitions(topic)) };
      },
    };
    const wakeups = memoryWakeups();
    return processesOver(
      () => Promise.resolve({ engine, wakeups }),
      { leaseMs: 100, heartbeatMs: 25, patienceMs: 400 },
      port,
      (where) => {
        held.where = where;
        return Promise.resolve(async () => {
          held.where = null;
          for (const publish of held.afterwards.splice(0)) await publish();
        });
      },
    );
  },
}));
