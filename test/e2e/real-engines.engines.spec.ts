import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { startKafka } from '../engines/kafka.ts';
import type { Engine } from '../engines/engine.ts';
import { must } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startStandIn, type StandIn } from '../fakes/event-store-db/server.ts';
import { interfaceSuites } from './interface.ts';
import { openStage, pageOf, track, type Stage } from './stage.ts';

// A broker of its own, since its topics are this installation's alone, and it is stopped under way.
describeWithEngines(
  'everything in one process, on EventStoreDB (stand-in), Kafka and a registry',
  ['kafka', 'registry'],
  (_, registry = '') => {
    let store: StandIn;
    let kafka: Engine;
    let stage: Stage;
    beforeAll(async () => {
      [store, kafka] = await Promise.all([startStandIn(), startKafka()]);
      stage = await openStage('one process', {
        EVENTSTORE_URL: store.url,
        KAFKA_BROKERS: kafka.url,
        SCHEMA_REGISTRY_URL: registry,
      });
    }, 180_000);
    afterAll(async () => {
      await stage.close();
      await Promise.all([store.stop(), kafka.stop()]);
    }, 60_000);

    for (const suite of interfaceSuites) suite(() => stage);

    describe('while Kafka is away', () => {
      test('commands go on, queries tell what they have, and all of it arrives once it is back', async () => {
        const person = await stage.join();
        const productId = await track(person, pageOf(stage.shop, 'aurora-desk-lamp'));
        const product = `/v1/market/products/${productId}`;
        await eventually(async () => must(await person.call('GET', product), 200), { withinMs: 20_000 });
        await kafka.kill();
        must(await person.call('PATCH', product, { body: { name: 'While it is away' } }), 200, 204);
        must(await person.call('GET', product), 200);
        await kafka.restart();
        await eventually(
          async () => {
            expect(must(await person.call('GET', product), 200)).toMatchObject({ name: 'While it is away' });
          },
          { withinMs: 60_000 },
        );
      }, 120_000);
    });
  },
);
