import type { Database } from '@daybook/infra/database/database.ts';
import type { Contest } from './measure.ts';

/** What a bar is given to work with. */
export type Bench = Readonly<{
  /** Of the bench's own PostgreSQL: durable (fsync on), production settings, nobody else on it. */
  serverUrl: string;
  /** A fresh migrated database. The bench closes and drops it. */
  database(options?: { poolSize?: number }): Promise<Database>;
  /** A fresh empty database, for peers that make their own tables. Answers with its URL. */
  emptyDatabase(): Promise<string>;
  /** A package of `test/load/peers`, installed there at first use. */
  peer<T>(name: string): Promise<T>;
  /** The folder of such a package, for one that is no module. */
  peerFolder(name: string): Promise<string>;
  /** A folder that is removed at the end. */
  folder: string;
  /** For whatever the bar draws at random. Printed; `--seed` repeats a run. */
  seed: number;
  print(line: string): void;
}>;

/** A bar of `measures.md`: a module `test/load/<name>.ts` exports it as `bar`. */
export type Bar = Readonly<{
  /** Lower case: `p1`. */
  name: string;
  /** One sentence. */
  title: string;
  /** Least number of pairs. Default 5. */
  pairs?: number;
  /** What it cannot do without and this machine does not have, in words; null where it has everything. */
  lacking?: () => Promise<string | null>;
  /**
   * Sets up and answers with what to run. Contests run one after another; the bar is met where each is, and its
   * result is that of the contest nearest to its gate.
   */
  prepare(bench: Bench): Promise<Readonly<{ contests: readonly Contest[]; close(): Promise<void> }>>;
}>;
