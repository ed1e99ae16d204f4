/** One case of the kill matrix: a system dies at a failpoint, comes back without it, and is judged. */
import { rm } from 'node:fs/promises';
import { failpointSays } from '@daybook/infra/failpoints/failpoint.ts';
import type { FailpointName } from '@daybook/infra/failpoints/names.ts';
import { startStandIn } from '../fakes/event-store-db/server.ts';
import { callerOf, signUp, type Person } from '../support/caller.ts';
import { startLoad, type Load } from '../support/load.ts';
import { plantedOf } from '../support/oracle-secrets.ts';
import { leftBehind } from '../support/oracle-left-behind.ts';
import { watchRecovery } from '../support/oracle-recovery.ts';
import { judge, settled } from '../support/oracle.ts';
import { freePort } from '../support/ports.ts';
import { startDaybook, type DaybookProcess } from '../support/processes.ts';
import { readyLine, startSystem, type System } from '../support/system.ts';
import { killCaseOf, type Command, type KillCase } from './kill-cases.ts';
import { mailsIn } from '../support/mails.ts';
import { inDatabase, type KillHouse } from './kill-house.ts';
import { startAlone, underLoad, type Scene } from './kill-stimuli.ts';

/** What a death came to. */
export type Comeback = Readonly<{
  /** What is wrong, in words. */
  wrong: readonly string[];
  /** From the new start until it said that it is ready, and until nothing was under way any more. */
  readyMs: number;
  settledMs: number;
}>;

/** Longest way to a failpoint. */
const reachedWithinMs = 60_000;
const settledWithinMs = 90_000;

/** Lets a system die at a failpoint and come back. @throws where it does not die there, or does not come back */
export async function dieAndComeBack(name: FailpointName, house: KillHouse): Promise<Comeback> {
  const plan = killCaseOf(name, house.topics !== 'database');
  const lasting = plan.before === undefined && plan.finds === undefined;
  const database = await house.newPlace(plan.ground ?? 'used', lasting);
  const folder = await house.newFolder();
  const env = { ...house.env, ...database.env };
  const stage = { house, name, plan, env, databaseUrl: database.url, folder: folder.path };
  const closing: (() => Promise<unknown>)[] = [database.drop, folder.remove];
  try {
    if (plan.before !== undefined) await inDatabase(database.url, plan.before);
    const death = await die(stage, closing);
    return await comeBack(stage, death, closing);
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

type Stage = Readonly<{
  house: KillHouse;
  name: FailpointName;
  plan: KillCase;
  /** Configuration that every process of the case has. */
  env: Readonly<Record<string, string>>;
  databaseUrl: string;
  folder: string;
}>;

/** What a death leaves. */
type Death = Readonly<{
  addresses: { commands: string; queries: string };
  loads: readonly Load[];
  beside: readonly System[];
  output: () => string;
  /** Starts what died again, as it was, without failpoints. */
  again: () => Promise<System>;
}>;

type Closing = (() => Promise<unknown>)[];

async function die(stage: Stage, closing: Closing): Promise<Death> {
  const { house, name, plan, databaseUrl } = stage;
  const env = { ...stage.env, ...plan.env };
  const hit = plan.systemDiesAt === undefined ? `${name}:${String(plan.nth ?? 2)}` : `${plan.systemDiesAt}:2`;
  const armed = { FAILPOINTS: [`${hit}:kill`, plan.with].filter(Boolean).join() };
  const addresses = { commands: '', queries: '' };
  const { victim, ready, again } = await startVictim(stage, { ...env, ...armed }, addresses, closing);
  closing.push(() => endProcess(victim));
  const dead = victim.ended;
  const loads: Load[] = [];
  const beside: System[] = [];
  const person = house.personAt(addresses);
  const scene: Scene = {
    house,
    databaseUrl,
    env,
    victim,
    dead,
    ready,
    call: callerOf(addresses),
    person,
    load: (options) => {
      const load = loadOf(house, person, options);
      loads.push(load);
      return load;
    },
    beside,
  };
  closing.push(async () => {
    for (const one of beside) await one.discard();
  });
  const late = setTimeout(() => {
    victim.signal('SIGTERM');
  }, reachedWithinMs);
  closing.push(async () => {
    clearTimeout(late);
    await Promise.all(loads.map((load) => load.stop()));
  });
  const other = await (plan.stimulus ?? (plan.command?.besideSystem === false ? startAlone : underLoad))(
    scene,
  );
  clearTimeout(late);
  const died = other ?? victim;
  await diedAt(name, died);
  await Promise.all(loads.map((load) => load.stop()));
  const output = (): string =>
    [victim, ...(other === undefined ? [] : [other])].map((one) => one.output()).join('');
  return { addresses, loads, beside, output, again };
}

type Victim = Readonly<{ victim: DaybookProcess; ready: Promise<void>; again: () => Promise<System> }>;

/** All services in one process, or one service beside the four others. Addresses are told once they are known. */
async function startVictim(
  stage: Stage,
  env: Readonly<Record<string, string>>,
  addresses: Death['addresses'],
  closing: Closing,
): Promise<Victim> {
  const { plan, databaseUrl, folder } = stage;
  const { FAILPOINTS = '', ...calm } = env;
  const { service, command } = plan;
  if (command !== undefined) return startCommand(stage, command, env, addresses, closing);
  if (service !== undefined) {
    const envOf = { [service]: { FAILPOINTS } };
    const system = await startSystem({ mode: 'five processes', folder, databaseUrl, env: calm, envOf });
    closing.push(system.discard);
    Object.assign(addresses, system.addresses);
    const again = async (): Promise<System> => {
      await system.killAndRestart(service, { FAILPOINTS: '' });
      return system;
    };
    const victim = system.processes.get(service);
    if (victim === undefined) throw new Error(`There is no service ${service}.`);
    return { victim, ready: Promise.resolve(), again };
  }
  const own = { ...unlimited, ...env, DATABASE_URL: databaseUrl, DAYBOOK_DATA: folder };
  const victim = startDaybook(['up', '--port', String(await freePort())], own);
  const ready = victim.said(readyLine.up).then(
    ({ url }) => {
      Object.assign(addresses, { commands: String(url), queries: String(url) });
    },
    // It died first; whoever waits is told by its end.
    () => undefined,
  );
  const again = async (): Promise<System> => {
    const at = addresses.commands === '' ? {} : { addresses: { ...addresses } };
    const system = await startSystem({ mode: 'one process', folder, databaseUrl, env: calm, ...at });
    closing.push(system.discard);
    return system;
  };
  return { victim, ready, again };
}

/** A command, beside a system or by itself; a system runs when it has ended well. */
async function startCommand(
  { house, databaseUrl, folder }: Stage,
  { args, besideSystem, endsAgain = 0, then }: Command,
  env: Readonly<Record<string, string>>,
  addresses: Death['addresses'],
  closing: Closing,
): Promise<Victim> {
  const { FAILPOINTS = '', ...calm } = env;
  const startUp = async (): Promise<System> => {
    const system = await startSystem({ mode: 'one process', folder, databaseUrl, env: calm });
    closing.push(system.discard);
    return system;
  };
  const beside = besideSystem ? await startUp() : undefined;
  Object.assign(addresses, beside?.addresses);
  const own = { ...calm, DATABASE_URL: databaseUrl, DAYBOOK_DATA: folder };
  const server = await startStandIn();
  closing.push(() => server.stop());
  const stage = { folder, backup: besideSystem ? '' : await house.backup(), eventStore: server.url };
  const words = args(stage);
  closing.push(() => rm(`${folder}-backup`, { recursive: true, force: true }));
  const run = async (given: readonly string[], ends: number): Promise<void> => {
    const repeat = startDaybook(given, own);
    const code = await repeat.ended;
    if (code === ends) return;
    throw new Error(`daybook ${given.join(' ')} ended with ${String(code)}:\n${repeat.output()}`);
  };
  const again = async (): Promise<System> => {
    await run(words, endsAgain);
    if (then !== undefined) await run(then(stage), 0);
    return beside ?? (await startUp());
  };
  return { victim: startDaybook(words, { ...own, FAILPOINTS }), ready: Promise.resolve(), again };
}

/** Without limits of rate, since all requests of a test come from one address. */
const unlimited = {
  RATE_LIMIT_PER_MINUTE: '0',
  RATE_LIMIT_AUTH_PER_MINUTE: '0',
  RATE_LIMIT_MUTATIONS_PER_SECOND: '0',
};

let pages = 0;

function loadOf(
  { shop }: KillHouse,
  person: Person,
  options: Readonly<{ pages?: number; callers?: number }> = {},
): Load {
  const page = (): string => `${shop.url}/products/harbour-mug?case=${String((pages += 1))}`;
  return startLoad({ person, page, pages: 2, callers: 3, ...options });
}

async function endProcess(one: DaybookProcess): Promise<void> {
  one.signal('SIGKILL');
  await one.ended;
}

/** @throws where the process ended otherwise, or elsewhere */
async function diedAt(name: FailpointName, died: DaybookProcess): Promise<void> {
  const how = await died.ended;
  const acted = died
    .logLines()
    .find(({ message, failpoint }) => message === failpointSays && failpoint === name);
  if (how === 'SIGKILL' && acted !== undefined) return;
  throw new Error(`It did not die at ${name} but ended with ${String(how)}:\n${died.output().slice(-4_000)}`);
}

async function comeBack(stage: Stage, death: Death, closing: Closing): Promise<Comeback> {
  const { house, plan, databaseUrl, folder } = stage;
  const { addresses, loads, beside } = death;
  const used = plan.ground === undefined || plan.command !== undefined;
  if (plan.mend !== undefined) await inDatabase(databaseUrl, plan.mend);
  const began = performance.now();
  const watch =
    used && plan.command === undefined && addresses.commands !== ''
      ? watchRecovery(house.personAt(addresses).call)
      : undefined;
  closing.push(async () => watch?.stop());
  const system = await death.again();
  Object.assign(addresses, system.addresses);
  const recovery = await watch?.stop();
  const readyMs = recovery?.readyMs ?? performance.now() - began;
  for (const load of loads) await load.repeat();
  if (plan.after !== undefined) {
    const env = { ...stage.env, DATABASE_URL: databaseUrl, DAYBOOK_DATA: folder };
    const command = startDaybook(plan.after, env);
    if ((await command.ended) !== 0) throw new Error(`daybook ${plan.after.join(' ')}:\n${command.output()}`);
  }
  const person = used ? house.personAt(addresses) : await signUp(callerOf(addresses));
  const after = loadOf(house, person, { pages: 1 });
  await after.acknowledged(4);
  await after.stop();
  await settled(databaseUrl, settledWithinMs, stage.env).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${system.output().slice(-8_000)}`, { cause: error });
  });
  const settledMs = performance.now() - began;
  const mails = await Promise.all([folder, ...beside.map((one) => one.folder)].map(mailsIn));
  const found = await judge({
    databaseUrl,
    env: stage.env,
    acked: [...loads, after].flatMap((load) => load.acked()),
    outside: mails.flat(),
    planted: {
      ...plantedOf(person),
      ...secretsOf(house),
    },
    output: [death.output(), system.output(), ...beside.map((one) => one.output())].join('\n'),
  });
  for (const one of [...beside, system]) await one.stop();
  return {
    wrong: [...(recovery?.wrong ?? []), ...unlooked(plan, found), ...(await leftBehind(databaseUrl))],
    readyMs,
    settledMs,
  };
}

const secretsOf = ({ env }: KillHouse): Readonly<Record<string, string>> => ({
  'the key-encryption key': String(env['ENCRYPTION_KEY']),
  'the service secret': String(env['SERVICE_SECRET']),
});

/** What the oracle found beyond what the case is about; that it did not find that. */
function unlooked({ finds }: KillCase, found: readonly string[]): readonly string[] {
  if (finds === undefined) return found;
  const expected = found.filter((one) => finds.test(one));
  return [
    ...found.filter((one) => !finds.test(one)),
    ...(expected.length === 1 ? [] : [`${String(finds)} is not found`]),
  ];
}
