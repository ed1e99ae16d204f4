/** What is done to a system until it dies at its failpoint. Every stimulus ends with the process that it is done to. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openDatabase } from '@daybook/infra/database/database.ts';
import type { DeadLetter, Topics } from '@daybook/kernel/ports/topics.ts';
import { priceObservationsTopic } from '@daybook/schemas/topics.ts';
import { signUp, type Caller, type Person } from '../support/caller.ts';
import { topicsOf } from '../support/engines-of.ts';
import { eventually } from '../support/eventually.ts';
import type { Load } from '../support/load.ts';
import { startScript, type DaybookProcess } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { startSystem, type System } from '../support/system.ts';
import { inDatabase, type KillHouse } from './kill-house.ts';

/** A system that is to die, and what can be done to it. */
export type Scene = Readonly<{
  house: KillHouse;
  databaseUrl: string;
  env: Readonly<Record<string, string>>;
  /** The process that is to die. */
  victim: DaybookProcess;
  /** Resolves once it is dead. */
  dead: Promise<unknown>;
  /** Resolves once it is ready, or dead. */
  ready: Promise<void>;
  call: Caller;
  /** Of the used ground. */
  person: Person;
  /** Starts callers; their commands are repeated and judged at the end. */
  load: (options?: Readonly<{ pages?: number; callers?: number }>) => Load;
  /** Systems that run beside it, to be ended with the case. */
  beside: System[];
}>;

/** Answers with the process that has died at the failpoint, where that is another than the victim. */
export type Stimulus = (scene: Scene) => Promise<DaybookProcess | undefined>;

/** Nothing but the start itself. */
export const startAlone: Stimulus = async ({ dead }) => {
  await dead;
  return undefined;
};

/** Pages are tracked, products renamed and checked. */
export const underLoad: Stimulus = async ({ ready, load, dead }) => {
  await ready;
  load();
  await dead;
  return undefined;
};

/** One product is renamed over and over. */
export const longStream: Stimulus = async ({ ready, load, dead }) => {
  await ready;
  load({ pages: 1, callers: 2 });
  await dead;
  return undefined;
};

/** People sign up, one after the other. */
export const signUps: Stimulus = async (scene) => {
  await scene.ready;
  await untilDead(scene, 50, () => signUp(scene.call));
  return undefined;
};

/** Under load, with everything that waits for its time due now. */
export const dueTimers: Stimulus = async (scene) => {
  await scene.ready;
  scene.load();
  await untilDead(scene, 500, () =>
    inDatabase(scene.databaseUrl, `update runtime.timers set fire_at = now() where process = 'priceChecks'`),
  );
  return undefined;
};

/** Is told to stop, by a signal, once something is under way. */
export const told =
  (signal: NodeJS.Signals): Stimulus =>
  async ({ ready, load, victim, dead }) => {
    await ready;
    await load().acknowledged(4);
    victim.signal(signal);
    await dead;
    return undefined;
  };

/** Another process of the same groups comes. */
export const secondMember: Stimulus = async ({ ready, load, dead, beside, databaseUrl, env }) => {
  await ready;
  load();
  beside.push(await startSystem({ mode: 'one process', databaseUrl, env }));
  await dead;
  return undefined;
};

/** A message that nobody can read. */
export const poison: Stimulus = async (scene) => {
  await scene.ready;
  scene.load();
  await withTopics(scene, (topics) => publishPoison(topics));
  await scene.dead;
  return undefined;
};

/** A message that nobody can read is parked, and released. */
export const released: Stimulus = async (scene) => {
  await scene.ready;
  scene.load();
  await withTopics(scene, async (topics) => {
    await publishPoison(topics);
    await topics.release((await firstLetter(topics)).id);
  });
  await scene.dead;
  return undefined;
};

/** A message that nobody can read is parked, and skipped by a person of its tenant. */
export const skipped: Stimulus = async (scene) => {
  await scene.ready;
  scene.load();
  await withTopics(scene, async (topics) => {
    await publishPoison(topics, scene.person.tenantId);
    const { id } = await firstLetter(topics);
    const path = `/v1/operations/parked/message-${String(id)}/skip`;
    // The answer may be lost with the process.
    await scene.person.call('POST', path, { body: { reason: 'Nobody can read it.' } }).catch(() => undefined);
  });
  await scene.dead;
  return undefined;
};

/** The relay as it runs for other engines, in a process of its own, on what the system left behind. */
export const throughPort: Stimulus = async (scene) => {
  await underLoad(scene);
  return startScript(join(import.meta.dirname, 'relay-through-port.ts'), [], {
    DATABASE_URL: scene.databaseUrl,
    FAILPOINTS: 'relay.published:1:kill',
  });
};

/** Does something over and over until the process is dead, whatever comes of it. */
async function untilDead(
  { dead }: Pick<Scene, 'dead'>,
  everyMs: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const over = dead.then(() => true);
  do await work().catch(() => undefined);
  while (!(await Promise.race([over, pause(everyMs, false)])));
}

async function withTopics(
  { databaseUrl, env }: Pick<Scene, 'databaseUrl' | 'env'>,
  work: (topics: Topics) => Promise<void>,
): Promise<void> {
  const database = openDatabase({ url: databaseUrl, poolSize: 2, log: silentLog });
  const topics = topicsOf(database, env);
  try {
    await work(topics);
  } finally {
    await topics.close();
    await database.close();
  }
}

const publishPoison = (topics: Topics, tenantId = 'nobody'): Promise<void> =>
  topics.publish(priceObservationsTopic, [
    {
      key: 'poison',
      value: Buffer.from('nobody reads this'),
      headers: { ce_type: 'PriceObservation', ce_tenantid: tenantId },
    },
  ]);

const firstLetter = (topics: Topics): Promise<DeadLetter> =>
  eventually(
    async () => {
      const [parked] = await topics.deadLetters(priceObservationsTopic);
      if (parked === undefined) throw new Error('Nothing is parked.');
      return parked;
    },
    { withinMs: 30_000 },
  );
