import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import type { Engine } from '../engines/engine.ts';
import { startKafka } from '../engines/kafka.ts';
import { startStandIn, type StandIn } from '../fakes/event-store-db/server.ts';
import { startServer, type Server } from '../faults/server.ts';
import { must, type Answer, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { checked, openStage, pageOf, positionOf, track, type Stage } from './stage.ts';

type Parts = Readonly<Record<string, Readonly<{ ready: boolean; degraded?: true; detail?: string }>>>;
type Readyz = Readonly<{ ready: boolean; degraded?: true; parts: Parts }>;

// ENG-12: each engine goes away and comes back, under one installation.
describeWithEngines('an installation on four engines', ['kafka', 'registry'], (_, registryUrl = '') => {
  let store: StandIn;
  let kafka: Engine;
  let registry: Proxy;
  let server: Server;
  let postgres: Proxy;
  let stage: Stage;
  let person: Person;
  let product: string;
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    [store, kafka, registry, server] = await Promise.all([
      startStandIn(),
      startKafka(),
      startProxy(registryUrl),
      startServer(),
    ]);
    closers.push(() => store.stop(), kafka.stop, registry.close, server.stop);
    postgres = await startProxy(server.url);
    closers.push(postgres.close);
    const env = {
      EVENTSTORE_URL: store.url,
      KAFKA_BROKERS: kafka.url,
      SCHEMA_REGISTRY_URL: registry.url.replace('http://', 'http://ada:lovelace@'),
      DB_STATEMENT_TIMEOUT: '2s',
    };
    stage = await openStage('one process', env, { databaseUrl: postgres.url });
    closers.push(stage.close);
    person = await stage.join();
    const productId = await track(person, pageOf(stage.shop, 'aurora-desk-lamp'));
    product = `/v1/market/products/${productId}`;
    await checked(person, productId, 'price', 60_000);
    must(await change({ name: 'Before' }), 200, 204);
    await shows({ name: 'Before' });
  }, 240_000);

  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  }, 60_000);

  const change = (body: object): Promise<Answer> => person.call('PATCH', product, { body });

  /** Waits until the read model has it. */
  const shows = (fields: object): Promise<void> =>
    eventually(
      async () => {
        expect(must(await person.call('GET', product), 200)).toMatchObject(fields);
      },
      { withinMs: 60_000 },
    );

  /** Waits until readiness says so, and answers with it; it tells nobody where an engine is, or by what it is opened. */
  const says = (status: 200 | 503, wanted: object): Promise<Readyz> =>
    eventually(
      async () => {
        const answer = await stage.call('GET', '/readyz');
        expect({ status: answer.status, ...(answer.body as Readyz) }).toMatchObject({ status, ...wanted });
        expect(JSON.stringify(answer.body)).not.toMatch(/lovelace|127\.0\.0\.1|localhost|postgres:|esdb:/);
        return answer.body as Readyz;
      },
      { withinMs: 30_000 },
    );

  const isWell = async (): Promise<void> => {
    expect(await says(200, { ready: true })).not.toHaveProperty('degraded');
    expect((await stage.call('GET', '/health')).body).toMatchObject({ status: 'ok' });
  };

  const refusedForNow = ({ status, headers }: Answer): void => {
    expect({ status, again: headers.get('retry-after') }).toEqual({
      status: 503,
      again: expect.stringMatching(/^\d+$/),
    });
  };

  test('without Kafka commands go on, and queries that ask for what is not there yet tell how far they are', async () => {
    await eventually(isWell, { withinMs: 30_000 });
    await kafka.kill();
    const changed = await change({ name: 'Without Kafka' });
    must(changed, 200, 204);
    expect(must(await person.call('GET', product), 200)).toMatchObject({ name: 'Before' });
    const asking = { 'daybook-min-position': positionOf(changed) };
    const behind = await person.call('GET', product, { headers: asking });
    refusedForNow(behind);
    expect(behind.body).toMatchObject({ code: 'position-timeout', about: { reached: expect.any(String) } });
    const { parts } = await says(200, {
      ready: true,
      degraded: true,
      parts: { kafka: { degraded: true, detail: expect.stringContaining('Kafka') } },
    });
    expect(Object.values(parts).filter(({ ready }) => !ready)).toEqual([]);
    expect(parts['relay']?.detail).toMatch(/^\d+ events behind/);
    expect((await stage.call('GET', '/health')).body).toMatchObject({ status: 'degraded' });
    await kafka.restart();
    await shows({ name: 'Without Kafka' });
    must(await person.call('GET', product, { headers: asking }), 200);
    await eventually(isWell, { withinMs: 60_000 });
  }, 180_000);

  test('without the registry what is known flows, and what is not waits', async () => {
    registry.turn('down');
    await says(200, {
      degraded: true,
      parts: { schemaRegistry: { degraded: true, detail: expect.stringContaining('schema registry') } },
    });
    must(await change({ name: 'Without a registry' }), 200, 204);
    await shows({ name: 'Without a registry' });
    // The first of its type in this installation.
    must(await person.call('POST', `${product}/pause`), 200, 204);
    await says(200, {
      degraded: true,
      parts: { relay: { degraded: true, detail: expect.stringContaining('schema registry') } },
    });
    expect(must(await person.call('GET', product), 200)).toMatchObject({ status: 'active' });
    registry.turn('clear');
    await shows({ status: 'paused' });
    await eventually(isWell, { withinMs: 30_000 });
  }, 180_000);

  test('without EventStoreDB commands are refused for now, nothing is half done, and queries go on', async () => {
    const before = store.log.all().length;
    await store.stop();
    refusedForNow(await change({ name: 'Half done' }));
    await says(503, {
      ready: false,
      parts: { eventStoreDb: { ready: false, detail: expect.stringContaining('EventStoreDB') } },
    });
    must(await person.call('GET', product), 200);
    expect(store.log.all()).toHaveLength(before);
    store = await startStandIn({ log: store.log, port: store.port });
    await eventually(isWell, { withinMs: 60_000 });
    must(await change({ tags: ['back'] }), 200, 204);
    await shows({ tags: ['back'], name: 'Without a registry' });
  }, 180_000);

  test('without PostgreSQL queries are refused, and of commands what needs it; what the log took in is shown after', async () => {
    const before = store.log.all().length;
    postgres.turn('down');
    const headers = { 'idempotency-key': randomUUID() };
    refusedForNow(await person.call('PATCH', product, { body: { name: 'Half done' }, headers }));
    refusedForNow(await person.call('GET', product));
    await says(503, {
      ready: false,
      parts: { postgresql: { ready: false, detail: expect.stringContaining('database') } },
    });
    expect(store.log.all()).toHaveLength(before);
    // This one asks for nothing but the log.
    must(await change({ name: 'In the log' }), 200, 204);
    expect(store.log.all()).toHaveLength(before + 1);
    postgres.turn('clear');
    await eventually(isWell, { withinMs: 60_000 });
    await shows({ name: 'In the log' });
    must(await person.call('PATCH', product, { body: { name: 'Half done' }, headers }), 200, 204);
    await shows({ name: 'Half done' });
  }, 180_000);
});
