import { afterAll, beforeAll, describe } from '@jest/globals';
import { interfaceSuites } from './interface.ts';
import { openStage, type Stage } from './stage.ts';

describe('everything in one process', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage('one process');
  }, 60_000);
  afterAll(() => stage.close(), 30_000);

  for (const suite of interfaceSuites) suite(() => stage);
});
