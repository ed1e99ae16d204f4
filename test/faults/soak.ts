/**
 * A seeded random soak: five services, some seeds two of each, behind a proxy to a PostgreSQL of their own, under load
 * and under faults drawn by the seed; at the end the oracle. `npm run soak -- --minutes 10 --seed 7`.
 * The same seed draws the same faults; when exactly they meet the system is up to the machine.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openShop } from '@daybook/cli/demo/shop/shop.ts';
import { callerOf, must, signUp } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad, type Load } from '../support/load.ts';
import { leftBehind } from '../support/oracle-left-behind.ts';
import { plantedOf, type Planted } from '../support/oracle-secrets.ts';
import { judge, settled } from '../support/oracle.ts';
import { startProxy } from '../support/proxy.ts';
import { startSystem, type System } from '../support/system.ts';
import { oddClock } from './odd-clocks.ts';
import { startServer } from './server.ts';
import { chanceOf, soakFaults } from './soak-faults.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
if (!(minutes > 0) || !Number.isInteger(seed)) {
  throw new Error('Say it like this: npm run soak -- --minutes 10 --seed 7');
}

const began = performance.now();
const say = (text: string): void => {
  const seconds = ((performance.now() - began) / 1_000).toFixed(1).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
};
const closing: (() => Promise<unknown>)[] = [];
const services = ['command-service', 'query-service', 'projectors', 'sagas', 'scrapers'];

try {
  process.exitCode = await soak();
} finally {
  for (const close of closing.toReversed()) await close().catch(() => undefined);
}

async function soak(): Promise<number> {
  const chance = chanceOf(seed);
  const twice = chance.between(0, 2) === 0;
  say(
    `seed ${String(seed)}, ${String(minutes)} min, ${twice ? 'two of each service' : 'one of each service'}`,
  );
  const names = [...services, ...(twice ? services.map((name) => `${name} 2`) : [])];
  const folder = await mkdtemp(join(tmpdir(), 'daybook-soak-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const shop = await openShop({ seed, slowMs: 50 });
  closing.push(shop.close);
  const server = await startServer();
  closing.push(server.stop);
  const proxy = await startProxy(server.url);
  closing.push(proxy.close);
  const clocks = new Map(names.map((name) => [name, oddClock(folder, name)]));
  const system = await startSystem({
    mode: 'five processes',
    twice,
    databaseUrl: proxy.url,
    env: { OUTBOUND_ALLOW_HOSTS: shop.host, SCRAPER_BACK_OFF_MS: '100', DB_STATEMENT_TIMEOUT: '4s' },
    envOf: Object.fromEntries([...clocks].map(([name, { env }]) => [name, env])),
  });
  closing.push(system.discard);
  const keeper = keepRunning(system);
  closing.push(keeper.stop);

  const people = await Promise.all([1, 2].map(() => signUp(callerOf(system.addresses))));
  let pages = 0;
  const loads: readonly Load[] = people.map((person) =>
    startLoad({
      person,
      persistent: true,
      callers: 2,
      pages: 10,
      page: () => `${shop.url}/products/fjord-kettle?n=${String((pages += 1))}`,
      ...(system.others === undefined
        ? {}
        : {
            elsewhere: (method, path, options) =>
              callerOf(system.others ?? system.addresses)(method, path, { token: person.token, ...options }),
          }),
    }),
  );

  const subject = { system, server, proxy, clocks, restart: keeper.restart };
  const lasting: Promise<void>[] = [];
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) {
    const { says, run } = chance.oneOf(soakFaults)(subject, chance);
    say(says);
    const done = Promise.resolve(run());
    await new Promise((wake) => setTimeout(wake, chance.between(1_000, 6_000)));
    // Now and then the next fault comes while this one lasts.
    if (chance.between(0, 2) > 0) await done;
    else lasting.push(done);
  }

  say('no more faults');
  await Promise.all(lasting);
  proxy.loseAnswer(/^/, 0);
  await eventually(async () => must(await callerOf(system.addresses)('GET', '/readyz'), 200), {
    withinMs: 120_000,
    everyMs: 200,
  });
  for (const load of loads) await load.stop();
  for (const load of loads) await load.repeat();
  const acked = loads.flatMap((load) => load.acked());
  const failures = loads.flatMap((load) => load.failures());
  say(
    `${String(acked.length)} commands acknowledged, ${String(failures.length)} given up by clients that retry`,
  );
  await settled(server.url, 600_000);
  say('settled');
  const found = await judge({
    databaseUrl: server.url,
    acked,
    outside: await mails(system.folder),
    planted: Object.assign({}, ...people.map((person, n) => numbered(plantedOf(person), n))) as Planted,
    output: system.output(),
  });
  await keeper.stop();
  await system.stop();
  const wrong = [...found, ...(await leftBehind(server.url))];
  for (const one of [
    ...wrong,
    ...failures.map((failure) => `a client that retries met ${String(failure)}`),
  ]) {
    say(`WRONG: ${one}`);
  }
  say(wrong.length + failures.length === 0 ? 'the oracle is clean' : `seed ${String(seed)} is not clean`);
  return wrong.length + failures.length === 0 ? 0 : 1;
}

const numbered = (planted: Planted, n: number): Planted =>
  Object.fromEntries(Object.entries(planted).map(([what, text]) => [`${what} ${String(n)}`, text]));

/** Starts again what ends, as whoever runs services does. */
function keepRunning(system: System): Readonly<{
  restart: (name: string, failpointPlan?: string) => Promise<void>;
  stop: () => Promise<void>;
}> {
  const stopping = new AbortController();
  const busy = new Map<string, Promise<void>>();
  const ended = new Set<number>();

  const restart = (name: string, failpointPlan?: string): Promise<void> => {
    const before = busy.get(name) ?? Promise.resolve();
    const work = before.then(async () => {
      let env = failpointPlan === undefined ? {} : { FAILPOINTS: failpointPlan };
      while (!stopping.signal.aborted) {
        try {
          await system.killAndRestart(name, env);
          return;
        } catch {
          // It died while it started: by its failpoint, or since its database is away.
          env = {};
          await new Promise((wake) => setTimeout(wake, 500));
        }
      }
    });
    busy.set(name, work);
    return work;
  };

  const looking = (async () => {
    while (!stopping.signal.aborted) {
      for (const [name, one] of system.processes) {
        void one.ended.then(() => ended.add(one.pid));
        if (!ended.has(one.pid)) continue;
        ended.delete(one.pid);
        say(`${name} has ended and starts again`);
        await restart(name);
      }
      await new Promise((wake) => setTimeout(wake, 250));
    }
  })();
  return {
    restart,
    stop: async () => {
      stopping.abort();
      await looking;
      await Promise.all(busy.values());
    },
  };
}

async function mails(folder: string): Promise<readonly string[]> {
  const index = await readFile(join(folder, 'mailbox', 'index.txt'), 'utf8').catch(() => '');
  return index.split('\n').flatMap((line) => /\S+\.eml/.exec(line) ?? []);
}
