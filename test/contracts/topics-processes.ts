import type { Wakeups } from '@daybook/infra/database/wakeups.ts';
import { makeTopics } from '@daybook/infra/topics/make-topics.ts';
import type { TopicEngine } from '@daybook/infra/topics/topic-engine.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import type { Subject } from './contract.ts';
import { noTransactions, type HoldTransaction } from './event-store.subject.ts';
import { stallable } from './stalled-engine.ts';
import type { TopicsProcess, TopicsSubject } from './topics.subject.ts';

/** What a process has of its own: its connections to the broker. */
export type Opened = Readonly<{ engine: TopicEngine; wakeups: Wakeups }>;

export type Times = Readonly<{ leaseMs: number; heartbeatMs: number; patienceMs: number }>;

/**
 * A subject whose processes each open the broker anew.
 * @param bend puts a fault into every process's topics; absent for the adapter as it is
 */
export async function processesOver(
  open: () => Promise<Opened>,
  { patienceMs, ...lease }: Times,
  bend: (topics: Topics) => Partial<Topics> = () => ({}),
  holdTransaction: HoldTransaction = noTransactions,
): Promise<Subject<TopicsSubject>> {
  const pace = { ...lease, activePollMs: 5, idlePollMs: 50, backOff: { firstMs: 10, mostMs: 50 } };
  const processes: (TopicsProcess & { close(): Promise<void> })[] = [];
  const start = async (): Promise<TopicsProcess> => {
    const { engine, wakeups } = await open();
    const { engine: gated, stall, resume } = stallable(engine);
    const whole = makeTopics(gated, { pace, wakeups, log: silentLog });
    const started = {
      topics: { ...whole, ...bend(whole) },
      stall,
      resume,
      close: async () => {
        resume();
        await whole.close();
        await wakeups.close();
      },
    };
    processes.push(started);
    return started;
  };
  const { topics } = await start();
  return {
    port: { topics, another: start, patienceMs, holdTransaction },
    close: async () => {
      await Promise.all(processes.map((each) => each.close()));
    },
  };
}
