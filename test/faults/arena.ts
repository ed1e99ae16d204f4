/** What the cases of the environment share: a system under load, a way to break it, and one judgement at the end. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import { callerOf, must, signUp, type Caller, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad, type Load, type LoadOptions } from '../support/load.ts';
import { leftBehind } from '../support/oracle-left-behind.ts';
import { plantedOf } from '../support/oracle-secrets.ts';
import { judge, settled, type Acked, type OracleInput } from '../support/oracle.ts';
import { startSystem, type Addresses, type System, type SystemOptions } from '../support/system.ts';

export type Arena = Readonly<{
  system: System;
  shop: RunningShop;
  person: Person;
  /** Starts callers; each call tracks pages of its own. */
  load: (options?: Partial<LoadOptions>) => Load;
  /**
   * Ends every load that runs, repeats what was not acknowledged, waits until nothing is under way, and asks the oracle,
   * which has to find nothing. Everything that was acknowledged in this arena before is judged with it.
   * @param more what the oracle has to know besides
   */
  clean: (more?: Pick<OracleInput, 'republished'>) => Promise<void>;
  /** Ends what was started, in the reverse order; of a database that goes on, nothing may be held any more. */
  close: () => Promise<void>;
}>;

export type ArenaOptions = Omit<SystemOptions, 'mode'> &
  Partial<Pick<SystemOptions, 'mode'>> &
  Readonly<{
    /** Where the oracle looks: the database itself, where the system goes through a proxy. */
    judgedUrl?: string;
  }>;

/** Few pages, since a shop is asked for one at a time, with pauses between. */
export const pagesOfACase = 4;

/** Opens a shop, starts a system and signs a person up. */
export async function openArena({
  mode = 'one process',
  judgedUrl,
  ...options
}: ArenaOptions = {}): Promise<Arena> {
  const shop = await openShop({ seed: 3, slowMs: 50 });
  const system = await startSystem({
    ...options,
    mode,
    env: { OUTBOUND_ALLOW_HOSTS: shop.host, SCRAPER_BACK_OFF_MS: '100', ...options.env },
  }).catch(async (error: unknown) => {
    await shop.close();
    throw error;
  });
  const person = await signUp(callerOf(system.addresses));
  const databaseUrl = judgedUrl ?? system.databaseUrl;
  const judgedEnv = options.env ?? {};
  const acked: Acked[] = [];
  const loads = new Set<Load>();
  let pages = 0;
  return {
    system,
    shop,
    person,
    load: (more) => {
      const load = startLoad({
        person,
        pages: pagesOfACase,
        page: () => `${shop.url}/products/fjord-kettle?n=${String((pages += 1))}`,
        ...more,
      });
      loads.add(load);
      return load;
    },
    clean: async (more) => {
      await Promise.all([...loads].map((load) => load.stop()));
      for (const load of loads) {
        await load.repeat();
        acked.push(...load.acked());
        loads.delete(load);
      }
      await settled(databaseUrl, 120_000, judgedEnv);
      const outside = await mailsOf(system);
      const planted = plantedOf(person);
      const output = system.output();
      const asked = { databaseUrl, env: judgedEnv, acked, outside, planted, output, ...more };
      expect(await judge(asked)).toEqual([]);
    },
    close: async () => {
      // Those of a case that failed still run.
      await Promise.all([...loads].map((load) => load.stop()));
      // An embedded PostgreSQL ends with the system: there is nothing left to look at.
      if (options.databaseUrl !== undefined) {
        await system.stop();
        expect(await leftBehind(databaseUrl)).toEqual([]);
      }
      await system.discard();
      await shop.close();
    },
  };
}

/** Lets a load go on until so many more commands were acknowledged. */
export async function goesOn(load: Load, count = 20): Promise<void> {
  await load.acknowledged(load.acked().length + count);
}

/** Only refusals that a client can act on: 503 that says when to come back, or 504 where the outcome is unknown. */
export function onlyPassing(load: Load): void {
  expect(load.failures().filter((failure) => failure !== 503 && failure !== 504)).toEqual([]);
}

/** Nothing was away: a machine that stands still for a moment may cost what was under way, a system that refuses most. */
export function hardlyRefused(load: Load): void {
  onlyPassing(load);
  expect(load.failures().length).toBeLessThan(load.acked().length / 4);
}

/** Waits until every service that answers says that it is ready. */
export async function isReady({ addresses, others }: System, withinMs = 60_000): Promise<void> {
  for (const { commands, queries } of others === undefined ? [addresses] : [addresses, others]) {
    for (const url of new Set([commands, queries])) {
      await eventually(async () => must(await callerOf(at(url))('GET', '/readyz'), 200), { withinMs });
    }
  }
}

/** The same person at other addresses of the system. */
export function elsewhere(person: Person, addresses: Addresses): Caller {
  const call = callerOf(addresses);
  return (method, path, options) => call(method, path, { token: person.token, ...options });
}

const at = (url: string): Addresses => ({ commands: url, queries: url });

/** Mails handed over, one name each: the file name stands for the effect's id. */
async function mailsOf({ folder }: System): Promise<readonly string[]> {
  const index = await readFile(join(folder, 'mailbox', 'index.txt'), 'utf8').catch(() => '');
  return index
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => /\S+\.eml/.exec(line)?.[0] ?? line);
}
