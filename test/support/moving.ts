/** An installation that is stopped, moved and started again, with somebody at work on it. */
import { openShop } from '@daybook/cli/demo/shop/shop.ts';
import { callerOf, signUp, type Person } from './caller.ts';
import { startLoad, type Load } from './load.ts';
import { mailsIn } from './mails.ts';
import { plantedOf } from './oracle-secrets.ts';
import { judge, settled, type Acked } from './oracle.ts';
import { startSystem, type System } from './system.ts';

type Env = Readonly<Record<string, string>>;

export type Moving = Readonly<{
  first: System;
  /** The data folder of all its starts. */
  folder: string;
  person: Person;
  /** Starts it again, on the same data and addresses. */
  start(env: Env): Promise<System>;
  /** Works until thirty commands are acknowledged, and on until `meanwhile` has ended. */
  work(meanwhile?: () => Promise<unknown>): Promise<Load>;
  /** What the oracle finds once it has settled. `republished`: a part of the topic was, by a person or a move. */
  findings(
    system: System,
    env: Env,
    acked: readonly Acked[],
    republished?: boolean,
  ): Promise<readonly string[]>;
}>;

/**
 * Starts one in one process.
 * @param closing gets what closes what was opened, in the order of opening
 */
export async function startMoving(
  env: Env,
  { seed, closing }: { seed: number; closing: (() => Promise<unknown>)[] },
): Promise<Moving> {
  const shop = await openShop({ seed, slowMs: 50, elapsedMs: () => 0 });
  closing.push(shop.close);

  async function started(given: Env, again: Partial<Parameters<typeof startSystem>[0]>): Promise<System> {
    const allowed = { OUTBOUND_ALLOW_HOSTS: shop.host, ...given };
    const system = await startSystem({ mode: 'one process', env: allowed, ...again });
    closing.push(system.discard);
    return system;
  }

  const first = await started(env, {});
  const { folder, addresses } = first;
  const person = await signUp(callerOf(addresses));
  return {
    first,
    folder,
    person,
    start: (given) => started(given, { folder, addresses }),
    work: async (meanwhile = () => Promise.resolve()) => {
      const page = (n: number): string => `${shop.url}/products/harbour-mug?n=${String(n)}`;
      const load = startLoad({ person, page, pages: 4 });
      await load.acknowledged(30);
      await meanwhile();
      await load.stop();
      return load;
    },
    findings: async (system, given, acked, republished = false) => {
      const { databaseUrl } = system;
      await settled(databaseUrl, 90_000, given);
      const [outside, planted] = [await mailsIn(folder), plantedOf(person)];
      const output = system.output();
      return judge({ databaseUrl, env: given, acked, outside, planted, output, republished });
    },
  };
}
