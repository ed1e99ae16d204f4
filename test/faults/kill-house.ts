/** What the cases of the kill matrix share: one shop, one PostgreSQL, and a database of a system that ran already. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openShop, type RunningShop } from '@daybook/cli/demo/shop/shop.ts';
import type { Engine } from '../engines/engine.ts';
import { startKafka } from '../engines/kafka.ts';
import { callerOf, signUp, type Person } from '../support/caller.ts';
import { startLoad } from '../support/load.ts';
import { settled } from '../support/oracle.ts';
import { serverUrl, templateName } from '../support/postgres.ts';
import { startDaybook } from '../support/processes.ts';
import { startSystem, type Addresses } from '../support/system.ts';

/** What a case starts from: a system that ran, one that was only migrated, or an empty database. */
export type Ground = 'used' | 'migrated' | 'empty';

/** What keeps the topics of a house: the databases of its cases, or a broker for each case and the registry at a URL. */
export type TopicHome = 'database' | Readonly<{ kafkaWithRegistry: string }>;

/** A database of a case, and what names the engines beside it. */
export type Place = Readonly<{
  url: string;
  env: Readonly<Record<string, string>>;
  drop: () => Promise<void>;
}>;

export type KillHouse = Readonly<{
  topics: TopicHome;
  shop: RunningShop;
  /** Configuration that every process of a case has. */
  env: Readonly<Record<string, string>>;
  /** The person of the used ground, to be called where a system answers at the moment. */
  personAt: (addresses: Addresses) => Person;
  /** @param lasting whether a case after it may begin with what it leaves; asked where a place takes long to make */
  newPlace: (ground: Ground, lasting: boolean) => Promise<Place>;
  /** A backup of the used ground, made when it is first asked for. */
  backup: () => Promise<string>;
  newFolder: () => Promise<Readonly<{ path: string; remove: () => Promise<void> }>>;
  close: () => Promise<void>;
}>;

const prototype = `daybook_prototype_${String(process.pid)}`;

/** Opens the shop and lets a system run until a person has signed up and a product was checked. */
export async function openKillHouse(topics: TopicHome = 'database'): Promise<KillHouse> {
  const shop = await openShop({ seed: 3, slowMs: 50, elapsedMs: () => 0 });
  const env = {
    OUTBOUND_ALLOW_HOSTS: shop.host,
    SCRAPER_BACK_OFF_MS: '100',
    // Many cases at once share a server whose connections are limited.
    DB_POOL_SIZE: '5',
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    SERVICE_SECRET: randomBytes(32).toString('base64url'),
  };
  await onServer(`create database ${prototype} template ${templateName} strategy file_copy`);
  const broker = topics === 'database' ? undefined : await startKafka();
  const beside = enginesOf(topics, broker?.url);
  const system = await startSystem({
    mode: 'one process',
    databaseUrl: serverUrl(prototype),
    env: { ...env, ...beside },
  });
  const person = await signUp(callerOf(system.addresses));
  const load = startLoad({
    person,
    page: (n) => `${shop.url}/products/harbour-mug?n=${String(n)}`,
    pages: 1,
  });
  await load.acknowledged(2);
  await load.stop();
  await settled(system.databaseUrl, 60_000, beside);
  await system.stop();
  await broker?.halt();
  let backup: Promise<string> | undefined;
  const left: Place[] = [];
  return {
    topics,
    shop,
    env,
    personAt: (addresses) => {
      const call = callerOf(addresses);
      return {
        ...person,
        call: (method, path, more) => call(method, path, { token: person.token, ...more }),
      };
    },
    newPlace: async (ground, lasting) => {
      if (broker === undefined) return { ...(await newDatabase(ground)), env: {} };
      if (!lasting || ground !== 'used') return placeBeside(ground, topics, broker);
      const place = left.pop() ?? (await placeBeside(ground, topics, broker));
      return { ...place, drop: () => Promise.resolve(void left.push(place)) };
    },
    backup: () => (backup ??= backUp(env, system.folder)),
    newFolder: async () => {
      const path = await mkdtemp(join(tmpdir(), 'daybook-kill-'));
      return { path, remove: () => rm(path, { recursive: true, force: true }) };
    },
    close: async () => {
      await shop.close();
      await system.discard();
      await Promise.all([broker?.stop(), ...left.map((place) => place.drop())]);
      await onServer(`drop database if exists ${prototype} with (force)`);
    },
  };
}

/** A database, and a broker with a copy of what that of the ground has: places of groups are of its topics. */
async function placeBeside(ground: Ground, topics: TopicHome, broker: Engine): Promise<Place> {
  const { url, drop } = await newDatabase(ground);
  const own = await startKafka(ground === 'used' ? { from: broker.folder } : {});
  return {
    url,
    env: enginesOf(topics, own.url),
    drop: async () => {
      await Promise.all([drop(), own.stop()]);
    },
  };
}

function enginesOf(topics: TopicHome, brokers = ''): Readonly<Record<string, string>> {
  if (topics === 'database') return {};
  return { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: topics.kafkaWithRegistry };
}

let count = 0;

async function newDatabase(ground: Ground): Promise<Omit<Place, 'env'>> {
  count += 1;
  const name = `kill_${String(process.pid)}_${String(count)}`;
  const template = { used: prototype, migrated: templateName, empty: 'template0' }[ground];
  await onServer(`create database ${name} template ${template} strategy file_copy`);
  const drop = (): Promise<void> => onServer(`drop database if exists ${name} with (force)`);
  return { url: serverUrl(name), drop };
}

/** From a copy: the ground itself has to stay without connections, to be copied by others meanwhile. */
async function backUp(env: Readonly<Record<string, string>>, folder: string): Promise<string> {
  const into = join(folder, 'backup-of-the-used-ground');
  const copy = await newDatabase('used');
  try {
    const made = startDaybook(['backup', into], { ...env, DATABASE_URL: copy.url, DAYBOOK_DATA: folder });
    if ((await made.ended) !== 0) throw new Error(`There is no backup:\n${made.output()}`);
    return into;
  } finally {
    await copy.drop();
  }
}

/** Runs a statement in a database of its own connection. */
export async function inDatabase(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

const onServer = (statement: string): Promise<void> => inDatabase(serverUrl('postgres'), statement);
