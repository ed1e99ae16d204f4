import type { GroupLedger } from '@daybook/infra/topics/group-ledger.ts';
import type { TopicEngine } from '@daybook/infra/topics/topic-engine.ts';
import type { Topics } from '@daybook/kernel/ports/topics.ts';

/** Transactions that a clause holds open on the broker's server. */
export type Held = {
  where: 'same database' | 'another database' | null;
  /** Done once the transaction ends. */
  afterwards: (() => Promise<void>)[];
};

/** An adapter with one fault: above the port, below it, or in what a member records. `clause` is the one meant for it. */
export type Fault = Readonly<{
  name: string;
  clause: string;
  port?: (topics: Topics) => Partial<Topics>;
  engine?: (engine: TopicEngine, held: Held) => Partial<TopicEngine>;
  ledger?: (ledger: GroupLedger, partitions: number) => Partial<GroupLedger>;
}>;
