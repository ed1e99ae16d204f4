import { expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { askParts, notReady } from '../readiness.ts';
import { watchEngines, type EngineProbe } from './engine-watch.ts';

const there = (name: string): EngineProbe => engine(name, () => Promise.resolve());
const away = (name: string): EngineProbe =>
  engine(name, () => Promise.reject(new DaybookError('unavailable', `${name} cannot be reached.`)));

function engine(name: string, look: () => Promise<unknown>): EngineProbe {
  return { name, look, close: () => Promise.resolve() };
}

test('an engine that is needed makes unready, one that is awaited degrades', async () => {
  const watch = watchEngines({
    needed: { log: away('EventStoreDB'), database: there('PostgreSQL') },
    awaited: { kafka: away('Kafka'), registry: there('A registry') },
  });
  expect(await askParts(watch.checks)).toEqual({
    ready: false,
    degraded: true,
    parts: {
      log: { ready: false, detail: 'EventStoreDB cannot be reached.' },
      database: { ready: true },
      kafka: { ready: true, degraded: true, detail: 'Kafka cannot be reached.' },
      registry: { ready: true },
    },
  });
});

test('what nobody knows is told to nobody, and who does not answer is not waited for', async () => {
  const silent = engine('Kafka', () => new Promise(() => undefined));
  const odd = engine('A registry', () => Promise.reject(new Error('password=hunter2')));
  const watch = watchEngines({ needed: {}, awaited: { kafka: silent, registry: odd } }, 10);
  expect((await askParts(watch.checks)).parts).toEqual({
    kafka: { ready: true, degraded: true, detail: 'Kafka does not answer in time.' },
    registry: { ready: true, degraded: true, detail: 'A registry fails.' },
  });
});

test('a part that follows topics waits for their engine, and is not asked meanwhile', async () => {
  let asked = 0;
  const ask = (): Promise<string> => {
    asked += 1;
    return Promise.reject(notReady('80 s behind.'));
  };
  const partOf = async (kafka: EngineProbe, registry: EngineProbe): Promise<unknown> => {
    const watch = watchEngines({ needed: {}, awaited: { kafka, registry }, topics: 'kafka' });
    return (await askParts({ part: () => watch.waiting(ask) })).parts['part'];
  };
  expect(await partOf(away('Kafka'), there('A registry'))).toEqual({
    ready: true,
    degraded: true,
    detail: 'waits: Kafka cannot be reached.',
  });
  expect(asked).toBe(0);
  expect(await partOf(there('Kafka'), away('The registry'))).toEqual({
    ready: true,
    degraded: true,
    detail: '80 s behind. The registry cannot be reached.',
  });
  expect(await partOf(there('Kafka'), there('The registry'))).toEqual({
    ready: false,
    detail: '80 s behind.',
  });
});

test('those who ask together get one answer', async () => {
  let looks = 0;
  const counted = engine('Kafka', () => Promise.resolve((looks += 1)));
  const watch = watchEngines({ needed: {}, awaited: { kafka: counted }, topics: 'kafka' });
  const parts = [1, 2, 3].map(() => watch.waiting(() => Promise.resolve('well')));
  expect(await Promise.all(parts)).toEqual(['well', 'well', 'well']);
  expect(looks).toBe(1);
});
