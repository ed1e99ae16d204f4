import { afterAll, beforeAll } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { interfaceSuites } from './interface.ts';
import { openOnEngines, type EnginesStage } from './real-engines.ts';

describeWithEngines(
  'five processes, on EventStoreDB (stand-in), Kafka and a registry',
  ['kafka', 'registry'],
  (_, registry = '') => {
    let engines: EnginesStage;
    beforeAll(async () => {
      engines = await openOnEngines('five processes', registry);
    }, 240_000);
    afterAll(() => engines.close(), 60_000);

    for (const suite of interfaceSuites) suite(() => engines.stage);
  },
);
